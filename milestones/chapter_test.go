package milestones

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// document is a Markdown file, cut into what the checks ask for.
type document struct {
	name     string // from the root of the project: milestones/03-broadcast-hub.md
	number   int    // of its milestone; 0 for a document that is no chapter
	headings []line
	prose    []line // all that stands outside fenced blocks
	blocks   []*block
	words    int
	faults   []string
}

// line is a line of prose, with the "## …" heading it stands under.
type line struct {
	number  int
	section string
	text    string
}

// block is a fenced block. Its info string says what it claims.
type block struct {
	doc         string
	number      int // of the line of its opening fence
	section     string
	info        string
	lang        string
	attrs       map[string]string // a bare word has an empty value
	body        []string
	folded      bool // inside <details>
	wordsBefore int
}

// problem begins a message with the place a writer has to go to.
func (b *block) problem(format string, args ...any) string {
	first := ""
	if len(b.body) > 0 {
		first = " (“" + strings.TrimSpace(b.body[0]) + "”)"
	}
	return fmt.Sprintf("%s:%d: block ```%s%s: ", b.doc, b.number, b.info, first) + fmt.Sprintf(format, args...)
}

// has reports whether the block carries an attribute.
func (b *block) has(attribute string) bool {
	_, ok := b.attrs[attribute]
	return ok
}

// cutter walks through a document line by line.
type cutter struct {
	doc     *document
	section string
	folded  bool
	open    *block
	fence   string
	indent  int
}

func parseDocument(name, text string) *document {
	doc := &document{name: name}
	if digits, _, ok := strings.Cut(path.Base(name), "-"); ok {
		doc.number, _ = strconv.Atoi(digits)
	}
	p := &cutter{doc: doc}
	number := 0
	for raw := range strings.Lines(text) {
		number++
		raw = strings.TrimRight(raw, "\r\n")
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

func (p *cutter) openBlock(number int, raw string) bool {
	found := regexp.MustCompile("^( *)(```+|~~~+)([^`]*)$").FindStringSubmatch(raw)
	if found == nil {
		return false
	}
	p.indent, p.fence = len(found[1]), found[2]
	p.open = &block{doc: p.doc.name, number: number, section: p.section, info: strings.TrimSpace(found[3]),
		attrs: map[string]string{}, folded: p.folded, wordsBefore: p.doc.words}
	for i, word := range strings.Fields(found[3]) {
		if i == 0 {
			p.open.lang = word
			continue
		}
		key, value, _ := strings.Cut(word, "=")
		p.open.attrs[key] = value
	}
	p.doc.blocks = append(p.doc.blocks, p.open)
	return true
}

func (p *cutter) insideBlock(raw string) {
	trimmed := strings.TrimSpace(raw)
	if strings.HasPrefix(trimmed, p.fence) && strings.Trim(trimmed, p.fence[:1]) == "" {
		p.open = nil
		return
	}
	for range p.indent { // a block inside a list is indented with it
		raw = strings.TrimPrefix(raw, " ")
	}
	p.open.body = append(p.open.body, raw)
}

func (p *cutter) proseLine(number int, raw string) {
	if strings.HasPrefix(raw, "# ") || strings.HasPrefix(raw, "## ") {
		p.doc.headings = append(p.doc.headings, line{number, raw, raw})
		p.section = strings.TrimSpace(raw)
	}
	if strings.Contains(raw, "<details") {
		p.folded = true
	}
	if strings.Contains(raw, "</details") {
		p.folded = false
	}
	p.doc.prose = append(p.doc.prose, line{number, p.section, raw})
	p.doc.words += countWords(raw)
}

// countWords counts what a reader reads as prose: no tables, no HTML tags,
// no bare punctuation.
func countWords(text string) int {
	if strings.HasPrefix(strings.TrimSpace(text), "|") {
		return 0
	}
	text = regexp.MustCompile(`<!--.*?-->|</?[A-Za-z][^<>]*>`).ReplaceAllString(text, " ")
	count := 0
	for word := range strings.FieldsSeq(text) {
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			count++
		}
	}
	return count
}

// sectionText joins the prose under one heading.
func (d *document) sectionText(heading string) string {
	var text strings.Builder
	for _, l := range d.prose {
		if l.section == heading && l.text != heading {
			text.WriteString(l.text + "\n")
		}
	}
	return text.String()
}
