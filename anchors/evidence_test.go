package anchors_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/turquoise-db/turquoise/anchors"
	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// proven is a night with two evidence files that entries name and one that none does.
func proven(t *testing.T) (*record, []string) {
	t.Helper()
	r := newRecord(t)
	var names []string
	for _, text := range []string{"the runbook", "what was seen"} {
		ev := must[audit.Evidence](t)(r.log.AddEvidence([]byte(text), "text/plain", text))
		must[audit.Entry](t)(r.log.Append(audit.Meta{By: "alice"}, entries.Deviation{What: text, Reason: "seen", Evidence: entries.List[audit.Evidence]{ev}}))
		names = append(names, ev.SHA256)
	}
	must[audit.Evidence](t)(audit.NewEvidence(r.dir, rand.Reader, []byte("a key"), "application/octet-stream", "HMAC key"))
	return r, names
}

func evidenceOf(t *testing.T, client *s3.Client, locked bool) *anchors.S3Evidence {
	t.Helper()
	lines := must[*anchors.S3](t)(anchors.NewS3(client, "s3://records/nights", time.Now().Add(48*time.Hour), time.Now()))
	return anchors.NewS3Evidence(lines, locked, entries.Types())
}

// TestEvidenceLiesElsewhereToo: what entries name and nothing else, under its hash,
// checked by verify; what is gone, or is another file, is told.
func TestEvidenceLiesElsewhereToo(t *testing.T) {
	client := bucketServer(t)
	trust := anchors.Trust{S3: client, Bucket: "records"}
	night, names := proven(t)
	a := evidenceOf(t, client, false)
	got := must[anchors.Receipt](t)(a.Take(t.Context(), night.write("first")))
	if got.Kind != audit.AnchorEvidence || got.Detail["copies"] != "2" {
		t.Errorf("receipt %+v", got)
	}
	if again := must[anchors.Receipt](t)(a.Take(t.Context(), night.write("second"))); again.Kind != "" {
		t.Errorf("nothing was there to copy, and a receipt came: %+v", again)
	}
	list := must[*s3.ListObjectsV2Output](t)(client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("records")}))
	if len(list.Contents) != 2 {
		t.Errorf("%d objects; want the two that entries name", len(list.Contents))
	}
	for _, o := range list.Contents {
		if name := strings.TrimPrefix(*o.Key, "nights/"+sid+"/evidence/"); name != names[0] && name != names[1] {
			t.Errorf("a copy under %s", *o.Key)
		}
	}
	night.close()
	r := night.verify(night.dir, trust)
	if want := "2 of 2 evidence files lie in s3://records too, with the same bytes; none is locked: they can be erased there"; r.Copies != want || r.Exit != 4 || r.Levels[3].Met {
		t.Errorf("verify: %q, exit %d: a copy of evidence is no anchor: %v", r.Copies, r.Exit, r.Findings)
	}
	if r := night.verify(night.dir, anchors.Trust{}); r.Copies != "" || !strings.Contains(strings.Join(r.NotChecked, "|"), "the copies of evidence were not fetched (--s3)") {
		t.Errorf("nobody looked: %q, %q", r.Copies, r.NotChecked)
	}

	// A cockpit that lost its receipts finds its copies.
	receipts := must[[]string](t)(filepath.Glob(night.dir + "/anchors/*.evidence.json"))
	if len(receipts) != 1 {
		t.Fatalf("receipts %q", receipts)
	}
	good := must[[]byte](t)(os.ReadFile(receipts[0]))
	if err := os.Remove(receipts[0]); err != nil {
		t.Fatal(err)
	}
	if got := must[anchors.Receipt](t)(evidenceOf(t, client, false).Take(t.Context(), anchors.Point{Dir: night.dir, Sid: sid, Head: night.log.Head()})); got.Detail["copies"] != "2" {
		t.Errorf("found again: %+v", got)
	}
	expect(t, night.verify(night.dir, trust), 4, "U60")

	// The receipt of one file over the version of another.
	swapped := strings.NewReplacer(names[0], names[1], names[1], names[0])
	bad := strings.ReplaceAll(string(good), `"sha256": "`+names[0], `"sha256": "`+swapped.Replace(names[0]))
	for _, f := range must[[]string](t)(filepath.Glob(night.dir + "/anchors/*.evidence.json")) {
		if err := os.WriteFile(f, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, night.verify(night.dir, trust), 1, "E44-worm", "has other bytes than evidence "+names[1][:12])

	// Erased there: told, and no tampering.
	for _, f := range must[[]string](t)(filepath.Glob(night.dir + "/anchors/*.evidence.json")) {
		if err := os.WriteFile(f, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	versions := must[*s3.ListObjectVersionsOutput](t)(client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String("records")}))
	for _, v := range versions.Versions {
		if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("records"), Key: v.Key, VersionId: v.VersionId}); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, night.verify(night.dir, trust), 2, "I50-evidence", "is no longer in the bucket (erased); its hash stands")
}

// TestLockedEvidence stays, whoever asks; and a file of another content under its
// name is no copy.
func TestLockedEvidence(t *testing.T) {
	client := bucketServer(t)
	night, names := proven(t)
	key := aws.String("nights/" + sid + "/evidence/" + names[1])
	other := must[*s3.PutObjectOutput](t)(client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("records"), Key: key, Body: strings.NewReader("other")}))
	a := evidenceOf(t, client, true)
	if _, err := a.Take(t.Context(), night.write("first")); err == nil || !strings.Contains(err.Error(), "is there already with other bytes") {
		t.Errorf("another file under the name of evidence: %v", err)
	}
	must[*s3.DeleteObjectOutput](t)(client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("records"), Key: key, VersionId: other.VersionId}))
	got := must[anchors.Receipt](t)(a.Take(t.Context(), night.write("second")))
	if got.Detail["copies"] != "2" || got.Detail["retain_until"] == "" {
		t.Errorf("receipt %+v", got)
	}
	night.close()
	r := night.verify(night.dir, anchors.Trust{S3: client, Bucket: "records"})
	if !strings.HasPrefix(r.Copies, "2 of 2 evidence files lie in s3://records too, with the same bytes; 2 of them locked, until ") {
		t.Errorf("verify: %q %v", r.Copies, r.Findings)
	}
	versions := must[*s3.ListObjectVersionsOutput](t)(client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String("records")}))
	kept := 0
	for _, v := range versions.Versions {
		if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("records"), Key: v.Key, VersionId: v.VersionId, BypassGovernanceRetention: aws.Bool(true)}); err != nil {
			kept++
		}
	}
	if kept != 2 {
		t.Errorf("%d of 2 locked copies are left", kept)
	}
}
