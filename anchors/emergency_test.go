package anchors_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/turquoise-db/turquoise/anchors"
	"github.com/turquoise-db/turquoise/audit"
)

func emergencyLine(n int) audit.EmergencyLine {
	return audit.EmergencyLine{Origin: origin, File: 1, Line: n, Raw: fmt.Appendf(nil, `{"v":1,"emergency":1,"sid":%q,"after":%d}`+"\n", sid, n)}
}

func emergencyLines(from, to int) string {
	var b strings.Builder
	for n := from; n <= to; n++ {
		b.Write(emergencyLine(n).Raw)
	}
	return b.String()
}

// flaky is a keeper that fails as often as it is told to.
type flaky struct {
	anchors.Keeper
	mu    sync.Mutex
	fails int
}

func (*flaky) Kind() string { return audit.AnchorWitness }
func (*flaky) Name() string { return "flaky" }
func (*flaky) Take(context.Context, anchors.Point) (anchors.Receipt, error) {
	return anchors.Receipt{}, nil
}
func (f *flaky) Keep(ctx context.Context, e anchors.Emergency) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails--; f.fails >= 0 {
		return errors.New("not now")
	}
	return f.Keeper.Keep(ctx, e)
}

// spread hands three lines to a keeper that fails at first, and waits for the end.
func spread(t *testing.T, k anchors.Keeper) (failed, upTo int) {
	t.Helper()
	f := &flaky{Keeper: k, fails: 1}
	var mu sync.Mutex
	r := anchors.Run(t.Context(), anchors.RunnerOptions{Sid: sid, Limit: 10 * time.Second, Now: time.Now,
		Failed: func(anchors.Anchor, time.Time, error) { mu.Lock(); failed++; mu.Unlock() },
		Spared: func(_ anchors.Anchor, line int) { mu.Lock(); upTo = line; mu.Unlock() }}, f)
	r.Emergency(emergencyLine(1))
	if !r.Settle(t.Context()) {
		t.Error("a line that was not taken is waited for")
	}
	r.Emergency(emergencyLine(2))
	r.Settle(t.Context())
	f.mu.Lock()
	f.fails = 1
	f.mu.Unlock()
	r.Emergency(emergencyLine(3))
	r.Settle(t.Context())
	r.Close() // once more
	return failed, upTo
}

func TestAWitnessKeepsEmergencyLines(t *testing.T) {
	state := t.TempDir()
	w, _ := newWitness(t, state)
	var told []string
	w.Told = func(text string) { told = append(told, text) }
	a := must[*anchors.WitnessAnchor](t)(anchors.NewWitnessAnchor(serve(t, w), w.Key()))
	if err := a.Keep(t.Context(), anchors.Emergency{Sid: sid, Origin: origin, File: 1, First: 1, Lines: emergencyLine(1).Raw}); err == nil || !strings.Contains(err.Error(), "403: I have seen no entry") {
		t.Errorf("lines of a record nobody knows: %v", err)
	}
	night := newRecord(t)
	must[anchors.Receipt](t)(a.Take(t.Context(), night.write("as it was")))
	if failed, upTo := spread(t, a); failed != 2 || upTo != 3 {
		t.Errorf("%d failures, lines up to %d; want 2 and 3", failed, upTo)
	}
	files := must[[]string](t)(filepath.Glob(state + "/*.emergency-1.jsonl"))
	if len(files) != 1 || string(must[[]byte](t)(os.ReadFile(files[0]))) != emergencyLines(1, 3) || len(told) == 0 || !strings.Contains(told[0], files[0]) {
		t.Errorf("kept in %q, told %q", files, told)
	}
	for _, c := range []struct {
		first int
		lines string
		want  string // empty: taken, and nothing changes
	}{
		{2, emergencyLines(2, 3), ""},
		{1, emergencyLines(1, 2), ""},
		{2, strings.Replace(emergencyLines(2, 2), `"after":2`, `"after":7`, 1), "422: other lines were kept"},
		{5, emergencyLines(5, 5), "409: the lines before 5 are not here"},
		{4, "{}\n", "400: not a line"},
		{4, strings.TrimSuffix(emergencyLines(4, 4), "\n"), "400: no emergency lines"},
	} {
		err := a.Keep(t.Context(), anchors.Emergency{Sid: sid, Origin: origin, File: 1, First: c.first, Lines: []byte(c.lines)})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("line %d %s: %v, want %q", c.first, c.lines, err, c.want)
		}
		if got := string(must[[]byte](t)(os.ReadFile(files[0]))); got != emergencyLines(1, 3) {
			t.Fatalf("the kept lines were changed: %s", got)
		}
	}
}

func TestABucketKeepsEmergencyLines(t *testing.T) {
	client := bucketServer(t)
	a := must[*anchors.S3](t)(anchors.NewS3(client, "s3://records/nights", time.Now().Add(48*time.Hour), time.Now()))
	if failed, upTo := spread(t, a); failed != 2 || upTo != 3 {
		t.Errorf("%d failures, lines up to %d; want 2 and 3", failed, upTo)
	}
	kept := func() string {
		t.Helper()
		all := must[[]anchors.KeptEmergency](t)(anchors.Emergencies(t.Context(), client, "records", "nights", sid))
		if len(all) != 1 || all[0].Where != "s3://records/nights/"+sid+"/emergency-1" {
			t.Fatalf("kept %+v", all)
		}
		return string(all[0].Lines)
	}
	if got := kept(); got != emergencyLines(1, 3) {
		t.Errorf("kept %s", got)
	}
	// An answer was lost: the same lines again, and with one more.
	again := anchors.Emergency{Sid: sid, Origin: origin, File: 1, First: 3, Lines: []byte(emergencyLines(3, 4))}
	if err := a.Keep(t.Context(), again); err != nil || kept() != emergencyLines(1, 4) {
		t.Errorf("again: %v, kept %s", err, kept())
	}
	again.Lines = []byte(strings.Replace(emergencyLines(3, 3), `"after":3`, `"after":7`, 1))
	if err := a.Keep(t.Context(), again); err == nil || !strings.Contains(err.Error(), "other lines were kept under these numbers before") {
		t.Errorf("other lines under a number that is taken: %v", err)
	}
	// What somebody puts over it counts for nothing, and it cannot be deleted.
	key := aws.String("nights/" + sid + "/emergency-1/000003.jsonl")
	must[*s3.PutObjectOutput](t)(client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("records"), Key: key, Body: strings.NewReader("other\n")}))
	must[*s3.DeleteObjectOutput](t)(client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("records"), Key: key}))
	if got := kept(); got != emergencyLines(1, 4) {
		t.Errorf("after something was put over it: %s", got)
	}
}
