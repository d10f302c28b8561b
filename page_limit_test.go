//go:build unix

package main

import (
	"fmt"
	"testing"
)

func TestWhoTalksTooFastLosesNothing(t *testing.T) {
	s := openSite(t)
	s.stop()
	s.rate = 1e-6 // a burst, and then nothing for days
	s.start("127.0.0.1:0")
	ann, bob := s.visitor("ann"), s.visitor("bob")
	for n := range burst - 1 { // one went for the name
		ann.says(fmt.Sprint(n))
	}
	ann.says("one too many")
	ann.waitFor(`document.getElementById("text-error").textContent === ` + quote(errTooFast.Error()))
	ann.hasWritten("one too many")
	ann.fits()
	bob.says("go on")
	ann.sees(fmt.Sprint("ann: ", burst-2), "bob: go on") // still connected
}
