package course

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// Document is a Markdown file, split into prose and fenced blocks.
type Document struct {
	Name   string // from the root of the project: milestones/03-broadcast-hub.md
	Number int    // the number of its milestone; 0 if it is not a chapter
	Blocks []*Block

	lines    []string // the whole file
	headings []line
	prose    []line // everything outside fenced blocks
	words    int
	faults   []string
}

const foundLater = "## Found later"

// Block is a fenced block. The words after its opening fence say what it
// claims: first a language, then attributes.
type Block struct {
	Section string // the "## …" heading above it
	Lang    string
	Attrs   map[string]string // an attribute without "=" has an empty value
	Body    []string          // its lines
	Folded  bool              // inside <details>

	doc         string
	number      int // of the line with its opening fence
	info        string
	wordsBefore int
}

// line is a line of prose, with the "## …" heading above it.
type line struct {
	number  int
	section string
	text    string
	folded  bool // inside <details>
}

// Has reports whether the block has an attribute.
func (b *Block) Has(attribute string) bool {
	_, ok := b.Attrs[attribute]
	return ok
}

// problem begins a message with the place that the writer has to look at.
func (b *Block) problem(format string, args ...any) string {
	first := ""
	if len(b.Body) > 0 {
		first = " (“" + strings.TrimSpace(b.Body[0]) + "”)"
	}
	return fmt.Sprintf("%s:%d: block ```%s%s: ", b.doc, b.number, b.info, first) + fmt.Sprintf(format, args...)
}

// end is the number of the line with the closing fence.
func (b *Block) end() int {
	return b.number + len(b.Body) + 1
}

// block returns the block at an index, or an empty block beyond either end.
func (d *Document) block(i int) *Block {
	if i < 0 || i >= len(d.Blocks) {
		return &Block{}
	}
	return d.Blocks[i]
}

// documentParser reads a document line by line.
type documentParser struct {
	doc     *Document
	section string
	folded  bool
	open    *Block // the block that the current line is in, or nil
	fence   string
	indent  int
}

func parseDocument(name, text string) *Document {
	doc := &Document{Name: name}
	if digits, _, ok := strings.Cut(path.Base(name), "-"); ok {
		doc.Number, _ = strconv.Atoi(digits)
	}
	p := &documentParser{doc: doc}
	number := 0
	for raw := range strings.Lines(text) {
		number++
		raw = strings.TrimRight(raw, "\r\n")
		doc.lines = append(doc.lines, raw)
		if p.open != nil {
			p.insideBlock(raw)
		} else if !p.openBlock(number, raw) {
			p.proseLine(number, raw)
		}
	}
	if p.open != nil {
		doc.faults = append(doc.faults, p.open.problem("its closing fence is missing"))
	}
	return doc
}

func (p *documentParser) openBlock(number int, raw string) bool {
	found := regexp.MustCompile("^( *)(```+|~~~+)([^`]*)$").FindStringSubmatch(raw)
	if found == nil {
		return false
	}
	p.indent, p.fence = len(found[1]), found[2]
	p.open = &Block{Section: p.section, Attrs: map[string]string{}, Folded: p.folded,
		doc: p.doc.Name, number: number, info: strings.TrimSpace(found[3]), wordsBefore: p.doc.words}
	for i, word := range strings.Fields(found[3]) {
		if i == 0 {
			p.open.Lang = word
			continue
		}
		key, value, _ := strings.Cut(word, "=")
		p.open.Attrs[key] = value
	}
	p.doc.Blocks = append(p.doc.Blocks, p.open)
	return true
}

func (p *documentParser) insideBlock(raw string) {
	trimmed := strings.TrimSpace(raw)
	if strings.HasPrefix(trimmed, p.fence) && strings.Trim(trimmed, p.fence[:1]) == "" {
		p.open = nil
		return
	}
	for range p.indent { // a block in a list is indented like the list
		raw = strings.TrimPrefix(raw, " ")
	}
	p.open.Body = append(p.open.Body, raw)
}

func (p *documentParser) proseLine(number int, raw string) {
	if strings.HasPrefix(raw, "# ") || strings.HasPrefix(raw, "## ") {
		p.doc.headings = append(p.doc.headings, line{number: number, section: raw, text: raw})
		p.section = strings.TrimSpace(raw)
	}
	if strings.Contains(raw, "<details") {
		p.folded = true
	}
	if strings.Contains(raw, "</details") {
		p.folded = false
	}
	p.doc.prose = append(p.doc.prose, line{number, p.section, raw, p.folded || strings.Contains(raw, "</details")})
	if p.section != foundLater && !strings.HasPrefix(raw, "Watch it: ") { // both are added after the chapter has landed
		p.doc.words += countWords(raw)
	}
}

// countWords counts the words of prose: no tables, no HTML tags, no titles of
// folded parts, no punctuation that stands alone.
func countWords(text string) int {
	if strings.HasPrefix(strings.TrimSpace(text), "|") {
		return 0
	}
	text = regexp.MustCompile(`<!--.*?-->|<summary>.*?</summary>|</?[A-Za-z][^<>]*>`).ReplaceAllString(text, " ")
	count := 0
	for word := range strings.FieldsSeq(text) {
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			count++
		}
	}
	return count
}
