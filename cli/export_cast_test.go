package cli

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/report"
)

// shortNight is a closed record of a few lines with an hour of silence in it.
func shortNight(t *testing.T) string {
	t.Helper()
	dir, at := filepath.Join(t.TempDir(), "20261121-orders-7f3a"), time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC)
	began := at
	l, err := audit.Create(dir, audit.Options{Sid: "20261121-orders-7f3a", Origin: "audit.example/turquoise/20261121-orders-7f3a", From: "jump",
		Types: entries.Types(), Rand: rand.Reader, Now: func() time.Time { return at }, Mono: func() time.Duration { return at.Sub(began) },
		First: func(op audit.Opening) audit.Line {
			return audit.Line{Meta: audit.Meta{By: "ada"}, Body: entries.SessionOpen{Origin: op.Origin, Mode: "lab", VKey: op.VKey}}
		}})
	if err != nil {
		t.Fatal(err)
	}
	book, err := os.ReadFile("../runbooks/catalogue/postgres-logical.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ev, err := l.AddEvidence(book, "application/yaml", "runbook")
	if err != nil {
		t.Fatal(err)
	}
	put := func(after time.Duration, m audit.Meta, b audit.Body) audit.Entry {
		at, m.By = at.Add(after), "ada"
		e, err := l.Append(m, b)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	put(0, audit.Meta{}, entries.RunbookLoaded{Name: "postgres-logical", SHA256: fmt.Sprintf("%x", sha256.Sum256(book)), Evidence: []audit.Evidence{ev}})
	put(time.Second, audit.Meta{}, entries.ParamSet{Name: "password", Source: "env"})
	for i, step := range []string{"1.1", "1.2"} {
		plan := "turquoise plan v1\nstep: " + step + "\naction: 1 blue sql\n| SELECT 1\nundo: -\n"
		put(time.Duration(i)*time.Hour, audit.Meta{Step: step, Attempt: 1}, entries.StepPlan{Plan: plan, PlanSHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(plan))), Risk: "READ", Title: "Look"})
	}
	if err := l.Close(audit.Meta{By: "ada"}, entries.SessionClose{Result: "aborted", WritesOn: "blue"}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func castOf(t *testing.T, dir string, z size) string {
	t.Helper()
	var b bytes.Buffer
	if err := writeCast(&b, dir, z); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestACastIsOneThatPlayersTake(t *testing.T) {
	dir := shortNight(t)
	cast := castOf(t, dir, size{120, 40})
	if cast != castOf(t, dir, size{120, 40}) {
		t.Error("two casts of one record differ")
	}
	lines := strings.Split(strings.TrimSuffix(cast, "\n"), "\n")
	var head struct {
		Version, Width, Height int
		Title                  string
	}
	if err := json.Unmarshal([]byte(lines[0]), &head); err != nil || head.Version != 2 || head.Width != 120 || head.Height != 40 || !strings.HasSuffix(head.Title, report.CastLabel) {
		t.Errorf("header %s (%v); want version 2, 120x40 and the label", lines[0], err)
	}
	last, markers, labels := 0.0, 0, 0
	row := regexp.MustCompile(`\x1b\[(\d+);1H`)
	for _, line := range lines[1:] {
		var e []any
		if err := json.Unmarshal([]byte(line), &e); err != nil || len(e) != 3 {
			t.Fatalf("%v: %.80s", err, line)
		}
		now, data := e[0].(float64), e[2].(string)
		if now < last {
			t.Errorf("time goes back from %f to %f", last, now)
		}
		last = now
		if e[1] == "m" {
			markers++
		}
		labels += strings.Count(data, report.CastLabel)
		for _, m := range row.FindAllStringSubmatch(data, -1) {
			if len(m[1]) > 2 || len(m[1]) == 2 && m[1] > "40" {
				t.Errorf("row %s of a screen of 40", m[1])
			}
		}
	}
	if markers != 2 || labels == 0 {
		t.Errorf("%d markers, %d labels; want one marker for each step and the label in the frames", markers, labels)
	}
	if last > 6 || last < 4 { // a second, and three of the hour
		t.Errorf("the film lasts %f s; want 1 s and what is left of an hour", last)
	}
}

func TestABundleHoldsAFilmOnlyWhenAsked(t *testing.T) {
	dir := shortNight(t)
	for _, with := range []bool{false, true} {
		out := filepath.Join(t.TempDir(), "n.tqz")
		args := []string{"export", dir, "--format", "bundle", "--out", out}
		if with {
			args = append(args, "--with-cast")
		}
		turquoise(t, 0, args...)
		raw, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(raw, []byte("/screen.cast")); got != with {
			t.Errorf("with-cast %v: the bundle holds a film: %v", with, got)
		}
	}
}

func TestSizesOfACast(t *testing.T) {
	for s, ok := range map[string]bool{"120x40": true, "80x24": true, "79x24": false, "120": false, "120x40x1": false, "0120x40": false, "400x40": false, "x": false} {
		if _, err := parseSize(s); (err == nil) != ok {
			t.Errorf("size %s: %v", s, err)
		}
	}
}
