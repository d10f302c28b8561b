package course

import (
	"regexp"
	"strings"
)

// This file takes from a chapter what the command shows to a learner.

// title is the chapter's heading without its number: "broadcast hub".
func (d *Document) title() string {
	if len(d.headings) == 0 {
		return ""
	}
	_, title, _ := strings.Cut(d.headings[0].text, ": ")
	return title
}

// breaks are the diffs to try. One in another section is the answer to a
// question, which a list would give away.
func (d *Document) breaks() []*Block {
	return d.blocksWith(func(b *Block) bool { return b.Has("break") && b.Section == "## Break it" })
}

// exercise is the diff with the test of "Build it", or nil.
func (d *Document) exercise() *Block {
	return d.blockWith("build")
}

// rule is the diff with the hidden test of the exercise, or nil.
func (d *Document) rule() *Block {
	return d.blockWith("rule")
}

// blockWith is the first block with an attribute, or nil.
func (d *Document) blockWith(attribute string) *Block {
	for _, b := range d.Blocks {
		if b.Has(attribute) {
			return b
		}
	}
	return nil
}

// hints lead from a question to almost the code.
func (d *Document) hints() []*Block {
	return d.blocksWith(func(b *Block) bool { return b.Has("hint") })
}

func (d *Document) blocksWith(wanted func(*Block) bool) []*Block {
	var blocks []*Block
	for _, b := range d.Blocks {
		if wanted(b) {
			blocks = append(blocks, b)
		}
	}
	return blocks
}

// before returns the paragraph above a line, or nothing if there is none.
func (d *Document) before(number int) string {
	end := number - 1
	for end > 0 && d.lines[end-1] == "" {
		end--
	}
	start := end
	for start > 0 && isProse(d.lines[start-1]) {
		start--
	}
	return strings.Join(d.lines[start:end], "\n")
}

// after returns the paragraph below a line, or nothing if there is none.
func (d *Document) after(number int) string {
	start := number
	for start < len(d.lines) && d.lines[start] == "" {
		start++
	}
	end := start
	for end < len(d.lines) && isProse(d.lines[end]) {
		end++
	}
	return strings.Join(d.lines[start:end], "\n")
}

func isProse(text string) bool {
	return text != "" && !strings.HasPrefix(text, "#") && !strings.HasPrefix(text, "<") &&
		!strings.HasPrefix(text, "```")
}

// task is what "Build it" says, without its blocks and folded parts.
func (d *Document) task() string {
	var text strings.Builder
	for _, l := range d.prose {
		if l.section == "## Build it" && !l.folded && !strings.HasPrefix(l.text, "## ") {
			text.WriteString(l.text + "\n")
		}
	}
	return plain(text.String())
}

// argument is the paragraph above a break, without the command that runs its test.
func (d *Document) argument(b *Block) string {
	return regexp.MustCompile("Run `go test[^`]*`\\.?").ReplaceAllString(d.before(b.number), "")
}

// answer is a folded part of a chapter that answers a question.
type answer struct {
	section  string // "Predict", "Build it", "Questions"
	question string // what stands above it, back to the part before
	text     string
}

// answers are the folded parts of a chapter, without hints and rules.
func (d *Document) answers() []answer {
	var answers []answer
	section, start, folded := "", 0, 0
	for i, text := range d.lines {
		switch {
		case strings.HasPrefix(text, "## "):
			section, start = strings.TrimPrefix(text, "## "), i+1
		case strings.HasPrefix(text, "<details"):
			folded = i
		case strings.HasPrefix(text, "</details") && folded > 0:
			if !d.hides(folded, i) {
				question := strings.Join(d.lines[start:folded], "\n")
				body := strings.Join(d.lines[folded+1:i], "\n")
				answers = append(answers, answer{section, strings.TrimSpace(question), strings.TrimSpace(body)})
			}
			start, folded = i+1, 0
		}
	}
	return answers
}

// hides reports whether a hint or a rule is between two lines.
func (d *Document) hides(from, to int) bool {
	return len(d.blocksWith(func(b *Block) bool {
		return b.number > from && b.number <= to && (b.Has("hint") || b.Has("rule"))
	})) > 0
}

// plain shows Markdown in a terminal: paragraphs are wrapped, blocks indented, and
// the marks of folded parts left out.
func plain(markdown string) string {
	var out, paragraph strings.Builder
	inBlock := false
	flush := func() {
		if paragraph.Len() > 0 {
			out.WriteString(wrap(paragraph.String()) + "\n")
			paragraph.Reset()
		}
	}
	tags := regexp.MustCompile(`<summary>.*?</summary>|</?(details|summary)>`)
	for text := range strings.SplitSeq(tags.ReplaceAllString(markdown, ""), "\n") {
		switch {
		case strings.HasPrefix(text, "```"):
			flush()
			inBlock = !inBlock
		case inBlock:
			out.WriteString("    " + text + "\n")
		case text == "":
			flush()
			out.WriteString("\n")
		default:
			paragraph.WriteString(text + " ")
		}
	}
	flush()
	return regexp.MustCompile(`\n{3,}`).ReplaceAllString(strings.Trim(out.String(), "\n"), "\n\n")
}

// wrap breaks a paragraph at blanks, so that no line is longer than a terminal.
// It leaves out the marks of bold text.
func wrap(paragraph string) string {
	const width = 78
	var out strings.Builder
	column := 0
	for word := range strings.FieldsSeq(strings.ReplaceAll(paragraph, "**", "")) {
		length := len([]rune(word))
		switch {
		case column == 0:
		case column+1+length > width:
			out.WriteString("\n")
			column = 0
		default:
			out.WriteString(" ")
			column++
		}
		out.WriteString(word)
		column += length
	}
	return out.String()
}
