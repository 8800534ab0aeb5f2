package anchors

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/turquoise-db/turquoise/audit"
)

// Trust is whom an auditor believes. What is left out is not checked.
type Trust struct {
	Witnesses []WitnessKey
	TSA       *x509.CertPool
	S3        *s3.Client
	Bucket    string // the copies must lie here; empty: wherever the receipts say
}

// Vouches reads what lies in anchors/ of the record in dir, for audit.Verify to
// compare. Skipped are the files that could not be checked for want of a key, a
// certificate or a bucket.
func Vouches(ctx context.Context, dir string, t Trust) (all []audit.Vouch, skipped []string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "anchors", "*"))
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(files)
	for _, f := range files {
		name := "anchors/" + filepath.Base(f)
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case strings.HasSuffix(name, ".note"):
			all = append(all, t.note(name, data)...)
		case strings.HasSuffix(name, ".tsr") && t.TSA == nil:
			skipped = append(skipped, name+": no certificate of a timestamp authority was given (--tsa)")
		case strings.HasSuffix(name, ".tsr"):
			all = append(all, t.stamp(name, strings.TrimSuffix(f, ".tsr")+".checkpoint", data))
		case strings.HasSuffix(name, evidenceSuffix) && t.S3 == nil:
			skipped = append(skipped, name+": the copies of evidence were not fetched (--s3)")
		case strings.HasSuffix(name, evidenceSuffix):
			all = append(all, t.evidence(ctx, name, data)...)
		case strings.HasSuffix(name, ".s3.json") && t.S3 == nil:
			skipped = append(skipped, name+": the copy was not fetched (--s3)")
		case strings.HasSuffix(name, ".s3.json"):
			all = append(all, t.copied(ctx, name, data))
		}
	}
	return all, skipped, nil
}

func fault(sev audit.Severity, code, file, format string, args ...any) audit.Vouch {
	return audit.Vouch{Fault: &audit.Finding{Sev: sev, Code: code, File: file, Msg: fmt.Sprintf(format, args...)}}
}

// note reads the signatures of witnesses under a checkpoint. The first line is
// the log's own and says nothing here.
func (t Trust) note(file string, data []byte) []audit.Vouch {
	text, sigs, ok := strings.Cut(string(data), "\n\n")
	h, err := audit.ParseHead(text + "\n")
	if !ok || err != nil {
		return []audit.Vouch{fault(audit.Tampered, "E40-witness", file, "%s: malformed note", filepath.Base(file))}
	}
	var out []audit.Vouch
	for line := range strings.Lines(sigs) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "— "), " ")
		if name == h.Origin {
			continue
		}
		out = append(out, t.cosignature(file, h, strings.TrimSpace(name), line))
	}
	return out
}

func (t Trust) cosignature(file string, h audit.Head, name, line string) audit.Vouch {
	i := slices.IndexFunc(t.Witnesses, func(k WitnessKey) bool { return k.Name == name })
	if i < 0 {
		return fault(audit.Unverified, "U61-witness-unknown", file, "%s is signed by %s, which is not among the --witness keys", filepath.Base(file), name)
	}
	at, err := t.Witnesses[i].check(h, line)
	if err != nil {
		return fault(audit.Tampered, "E40-witness", file, "%s: %v", filepath.Base(file), err)
	}
	return audit.Vouch{Kind: audit.AnchorWitness, Name: name, Seer: "witness " + name, At: at, File: file, Size: h.Size, Root: &h.Root, Origin: h.Origin}
}

func (t Trust) stamp(file, checkpoint string, reply []byte) audit.Vouch {
	text, err := os.ReadFile(checkpoint)
	var h audit.Head
	if err == nil {
		h, err = audit.ParseHead(string(text))
	}
	if err != nil {
		return fault(audit.Tampered, "E43-timestamp", file, "%s: %v", filepath.Base(file), err)
	}
	at, err := checkStamp(reply, h, nil, t.TSA)
	if err != nil {
		return fault(audit.Tampered, "E43-timestamp", file, "%s: %v", filepath.Base(file), err)
	}
	return audit.Vouch{Kind: audit.AnchorTSA, Name: "timestamp authority", Seer: "timestamp authority", At: at, File: file, Size: h.Size, Root: &h.Root, Origin: h.Origin}
}

func (t Trust) copied(ctx context.Context, file string, data []byte) audit.Vouch {
	var r s3Receipt
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil || r.First < 0 || r.Last < r.First || r.VersionID == "" || r.Key == "" {
		return fault(audit.Tampered, "E44-worm", file, "%s: malformed receipt", filepath.Base(file))
	}
	if t.Bucket != "" && r.Bucket != t.Bucket {
		return fault(audit.Unverified, "E44-worm", file, "%s names the bucket %s, asked for was %s", filepath.Base(file), r.Bucket, t.Bucket)
	}
	where := "s3://" + r.Bucket + "/" + r.Key
	sum, until, err := fetch(ctx, t.S3, r)
	if err != nil {
		return fault(audit.Unverified, "E03-read", file, "%s version %s: %v", where, r.VersionID, err)
	}
	return audit.Vouch{Kind: audit.AnchorS3, Name: "s3://" + r.Bucket, Seer: where + " version " + r.VersionID, File: file,
		First: r.First, Size: r.Last + 1, SHA256: sum, Until: until}
}

// copiedSoFar is the first entry that no receipt of this bucket covers.
func copiedSoFar(dir, bucket string) int64 {
	next := int64(0)
	files, _ := filepath.Glob(filepath.Join(dir, "anchors", "*.s3.json"))
	for _, f := range files {
		var r s3Receipt
		if data, err := os.ReadFile(f); err == nil && json.Unmarshal(data, &r) == nil && r.Bucket == bucket {
			next = max(next, r.Last+1)
		}
	}
	return next
}

var tag = regexp.MustCompile(`/\* tq s=([a-z0-9-]+) n=(\d{1,15}) i=\d+ h=([0-9a-f]{32}) \*/`)

// ServerLog reads the tags of a session out of a log that a database server
// wrote, whatever its format: each fixes the record up to its entry. The auditor
// fetches the log, not the operator.
func ServerLog(file, sid string) ([]audit.Vouch, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, &Error{Op: "read server log", Object: file, Err: err, Next: "name a readable file"}
	}
	defer f.Close()
	var out []audit.Vouch
	seen := map[string]bool{}
	r := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := r.ReadString('\n')
		for _, m := range tag.FindAllStringSubmatch(line, -1) {
			seq, _ := strconv.ParseInt(m[2], 10, 64) // the expression bounds it
			if key := m[2] + " " + m[3]; m[1] == sid && !seen[key] {
				seen[key] = true
				out = append(out, audit.Vouch{Kind: audit.AnchorServer, Name: file, Seer: "server log " + filepath.Base(file), File: file, Line: n, Size: seq + 1, Leaf: m[3]})
			}
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, &Error{Op: "read server log", Object: file, Err: err}
		}
	}
}
