package course

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestReadingLists(t *testing.T) {
	c := openCourse(t)
	c.report(t, checkReadingLists(c))
}

// checkReadingLists makes sure that everything under "Read" exists at the
// chapter's commit.
func checkReadingLists(c *Course) []string {
	var problems []string
	for _, chapter := range c.Chapters {
		if at, ok := c.Milestone(chapter.Number); ok {
			problems = append(problems, checkReadingList(c, chapter, at)...)
		}
	}
	return problems
}

func checkReadingList(c *Course, chapter *Document, at Commit) []string {
	files, err := c.tree(at.Hash)
	if err != nil {
		return []string{err.Error()}
	}
	known := knownWords(files)
	code := regexp.MustCompile("`([^`]+)`")
	var problems []string
	found := 0
	for _, l := range chapter.prose {
		if l.section != "## Read" {
			continue
		}
		for _, match := range code.FindAllStringSubmatch(l.text, -1) {
			found++
			if word := readingWord(match[1]); !known[word] {
				problems = append(problems, fmt.Sprintf("%s:%d: `%s` in the reading list is not a file, a flag or a declared name at %s%s",
					chapter.Name, l.number, match[1], at, didYouMean(word, slices.Sorted(maps.Keys(known)))))
			}
		}
	}
	if found == 0 {
		problems = append(problems, fmt.Sprintf("%s: ## Read names no file, function or type in backticks", chapter.Name))
	}
	return problems
}

// readingWord removes the parentheses of a function and the value of a flag:
// Run() becomes Run, and -announce-every 30m becomes -announce-every.
func readingWord(text string) string {
	if strings.HasPrefix(text, "-") {
		flag, _, _ := strings.Cut(text, " ")
		flag, _, _ = strings.Cut(flag, "=")
		return flag
	}
	return strings.TrimSuffix(text, "()")
}

// knownWords are all the words that a reading list may name at a commit.
func knownWords(files map[string]string) map[string]bool {
	known := map[string]bool{}
	for name, text := range files {
		known[name] = true
		for i, r := range name {
			if r == '/' {
				known[name[:i+1]] = true // a directory: static/
			}
		}
		switch {
		case strings.HasSuffix(name, ".go") && !strings.Contains(name, "/"):
			addGoNames(known, name, text)
		case strings.HasSuffix(name, ".js"):
			addScriptNames(known, text)
		}
	}
	return known
}

// addScriptNames adds the functions of a script at any depth, and its other
// names at the top level.
func addScriptNames(known map[string]bool, text string) {
	names := regexp.MustCompile(`(?m)\bfunction\*?\s+([\w$]+)|^(?:export\s+)?(?:const|let|var|class)\s+([\w$]+)`)
	for _, match := range names.FindAllStringSubmatch(text, -1) {
		known[match[1]+match[2]] = true
	}
}

// addGoNames adds what a Go file declares: functions, Type.Method, types,
// Type.field, constants, variables, and "-name" for each flag.
func addGoNames(known map[string]bool, name, text string) {
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	if err != nil {
		return // the compiler reports it better
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

// addFlag recognises flag.String("addr", …) and flags.IntVar(&n, "max", …) on
// any flag set.
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
