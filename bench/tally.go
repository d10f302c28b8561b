package main

// tally is what one client has received. Each sender's texts have numbers without gaps, so the
// tally knows each text that is missing, that came twice, or that came too late.
type tally struct {
	seen      [][]bool // by sender and number
	received  int      // different texts
	doubled   int      // texts that were there already
	reordered int      // texts that came after a later one of the same sender
}

func newTally(senders int) tally {
	return tally{seen: make([][]bool, senders)}
}

// add counts a text, and reports whether it is new.
func (t *tally) add(m marker) bool {
	if m.sender >= len(t.seen) {
		return false // nobody sent this: it counts as lost
	}
	seen := t.seen[m.sender]
	switch {
	case m.number >= len(seen): // the newest text of this sender so far
		seen = append(seen, make([]bool, m.number+1-len(seen))...)
		t.seen[m.sender] = seen
	case seen[m.number]:
		t.doubled++
		return false
	default:
		t.reordered++
	}
	seen[m.number] = true
	t.received++
	return true
}
