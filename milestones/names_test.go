package milestones

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

// addGoNames adds what a Go file declares: functions, Type.Method, types,
// Type.field, constants, variables, and "-name" for each flag.
func addGoNames(known map[string]bool, name, text string) {
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	if err != nil {
		return // the check that compiles says it better
	}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			known[receiverPrefix(d)+d.Name.Name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				addSpec(known, spec)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			addFlag(known, call)
		}
		return true
	})
}

func receiverPrefix(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return ""
	}
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	if generic, ok := of.(*ast.IndexExpr); ok {
		of = generic.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name + "."
	}
	return ""
}

func addSpec(known map[string]bool, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			known[name.Name] = true
		}
	case *ast.TypeSpec:
		known[s.Name.Name] = true
		switch t := s.Type.(type) {
		case *ast.StructType:
			addFields(known, s.Name.Name, t.Fields)
		case *ast.InterfaceType:
			addFields(known, s.Name.Name, t.Methods)
		}
	}
}

func addFields(known map[string]bool, of string, fields *ast.FieldList) {
	for _, field := range fields.List {
		for _, name := range field.Names {
			known[of+"."+name.Name] = true
		}
	}
}

// addFlag recognises flag.String("addr", …) and flags.IntVar(&n, "max", …),
// whatever the flag set is called.
func addFlag(known map[string]bool, call *ast.CallExpr) {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	kind := regexp.MustCompile(`^(Bool|Int|Int64|Uint|Uint64|String|Float64|Duration|Text|Func|BoolFunc|Var)(Var)?$`)
	if !ok || !kind.MatchString(selector.Sel.Name) {
		return
	}
	at := 0
	if strings.HasSuffix(selector.Sel.Name, "Var") {
		at = 1
	}
	if at >= len(call.Args) {
		return
	}
	if literal, ok := call.Args[at].(*ast.BasicLit); ok && literal.Kind == token.STRING {
		if name, err := strconv.Unquote(literal.Value); err == nil {
			known["-"+name] = true
		}
	}
}

// testNames lists the tests, benchmarks and fuzz targets of a Go file. It
// parses rather than searches: a test inside a quoted program is none.
func testNames(text string) []string {
	file, err := parser.ParseFile(token.NewFileSet(), "", text, parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	var names []string
	for _, declaration := range file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if ok && f.Recv == nil && regexp.MustCompile(`^(Test|Benchmark|Fuzz)`).MatchString(f.Name.Name) {
			names = append(names, f.Name.Name)
		}
	}
	return names
}
