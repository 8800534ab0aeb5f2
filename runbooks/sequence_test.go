package runbooks

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write golden files and generated tables anew")

// golden compares got with a file, or writes it when asked to.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look at the difference, then run with -update\ngot:\n%s", file, got)
	}
}

func printItems(b *strings.Builder, its []Item) {
	for _, it := range its {
		s := it.Step
		fmt.Fprintf(b, "%d %s | %s | %s | %s->%s on %s | %s", it.Phase, it.PhaseName, s.ID, kindStage(s), s.From, s.To, s.On, s.Risk)
		if it.Budget > 0 {
			fmt.Fprintf(b, " | budget %s", it.Budget)
		}
		if it.Back {
			b.WriteString(" | back")
		}
		fmt.Fprintf(b, " | %s\n", s.Title)
		for _, p := range it.Parts {
			fmt.Fprintf(b, "    %s %s on %s\n", p.ID, kindStage(p), p.On)
		}
	}
}

func TestTheWalkOfEachCatalogueRunbook(t *testing.T) {
	for _, name := range Catalogue() {
		src, _ := Builtin(name)
		book := parsed(t, string(src))
		for _, mode := range []string{"block", "stepwise"} {
			var b strings.Builder
			printItems(&b, Sequence(book, mode == "stepwise"))
			for _, w := range book.Back {
				fmt.Fprintf(&b, "\nway back %s: from %s until %s, ends %s, loses %s\n", w.Name, w.After, w.Until, w.Ends, w.Loses)
				printItems(&b, SequenceBack(w, mode == "stepwise"))
			}
			golden(t, "testdata/"+name+"."+mode+".txt", b.String())
		}
	}
}

func TestABlockHasItsPhasesNumberAndTheRiskOfItsPhase(t *testing.T) {
	book := parsed(t, shipped(t))
	var blocks []Item
	its := Sequence(book, false)
	for _, w := range book.Back {
		its = append(its, SequenceBack(w, false)...)
	}
	for _, it := range its {
		if len(it.Parts) > 0 {
			blocks = append(blocks, it)
		}
	}
	if len(blocks) != 2 {
		t.Fatalf("got %d blocks, want 2", len(blocks))
	}
	for i, want := range []struct{ id, word string }{{"5", "green"}, {"B2", "blue"}} {
		s := blocks[i].Step
		if string(s.ID) != want.id || s.Word != want.word || s.Risk != Traffic || blocks[i].Budget != 20*time.Second {
			t.Errorf("block %+v, want %+v, TRAFFIC, 20s", s, want)
		}
		if len(blocks[i].Gates()) == 0 || len(s.After) == 0 {
			t.Errorf("block %s lost the gates of its parts", s.ID)
		}
	}
}

// TestABlockAsksWhatItsStepsAsk: as many signatures as the strictest of them, by
// people whom each of them takes, and ahead only if none is against it.
func TestABlockAsksWhatItsStepsAsk(t *testing.T) {
	step := func(change func(*Step)) Step {
		s := Step{ID: "5.1", From: "blue", To: "green"}
		change(&s)
		return s
	}
	two := step(func(s *Step) { s.Signers, s.Ahead, s.Approvers = 2, true, []string{"bob", "carl"} })
	for name, row := range map[string]struct {
		other Step
		want  string
	}{
		"nothing more":   {step(func(*Step) {}), "2 true [bob carl] "},
		"not ahead":      {step(func(s *Step) { s.Signers = 3 }), "3 false [bob carl] "},
		"fewer people":   {step(func(s *Step) { s.Signers, s.Ahead, s.Approvers = 2, true, []string{"carl"} }), "2 true [carl] "},
		"nobody is left": {step(func(s *Step) { s.Signers, s.Ahead, s.Approvers = 2, true, []string{"dan"} }), "2 true [-] "},
		"anchored":       {step(func(s *Step) { s.Anchor = Before }), "2 true [bob carl] before"},
	} {
		s := Phase{Number: 5, Block: true, Steps: []Step{two, row.other}}.step()
		if got := fmt.Sprint(s.Signers, " ", s.Ahead, " ", s.Approvers, " ", s.Anchor); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
	}
	if s := (Phase{Number: 5, Block: true, Steps: []Step{step(func(*Step) {})}}).step(); s.Ahead {
		t.Error("ahead without a signature")
	}
}
