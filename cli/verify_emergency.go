package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"

	"github.com/turquoise-db/turquoise/anchors"
	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
)

// emergencies holds what others kept of emergency files against those that the
// record took in: each must be the beginning of one of them, for the lines go out
// as they are written and the last may not have come through.
func (v *verifying) emergencies(ctx context.Context) error {
	var kept []anchors.KeptEmergency
	for _, file := range v.spared {
		data, err := os.ReadFile(file)
		if err != nil {
			return exit(ExitUsage, &engines.Error{Op: "read emergency lines", Object: file, Err: err, Next: "name the file that a witness or a bucket kept"})
		}
		kept = append(kept, anchors.KeptEmergency{Where: file, Lines: data})
	}
	if v.outside.s3 != "" {
		more, err := v.outside.emergencies(ctx, v.dir)
		if err != nil {
			v.Skipped = append(v.Skipped, fmt.Sprintf("emergency lines in the bucket: %v", err))
		}
		kept = append(kept, more...)
	}
	if len(kept) == 0 {
		return nil
	}
	taken, faults, err := takenIn(v.dir)
	if err != nil { // verify itself says what is wrong with it
		v.Skipped = append(v.Skipped, "emergency lines: not compared, the record cannot be read")
		return nil
	}
	for _, k := range kept {
		fault, told := taken.compare(k, faults)
		if fault != nil {
			v.Vouches = append(v.Vouches, audit.Vouch{Fault: fault})
		} else {
			v.Skipped = append(v.Skipped, told)
		}
	}
	return nil
}

// emergencies reads the bucket at the place that the receipts name, or the address.
func (o outside) emergencies(ctx context.Context, dir string) ([]anchors.KeptEmergency, error) {
	ctx, cancel := context.WithTimeout(ctx, outsideLimit)
	defer cancel()
	bucket, prefix, err := anchors.S3Address(o.s3)
	if err != nil {
		return nil, err
	}
	sid, err := sidOf(dir)
	if err != nil {
		return nil, err
	}
	if p, ok := anchors.ReceiptPrefix(dir, bucket, sid); ok {
		prefix = p
	}
	client, err := anchors.S3Client(ctx)
	if err != nil {
		return nil, err
	}
	return anchors.Emergencies(ctx, client, bucket, prefix, sid)
}

// taken are the contents of the emergency files that a record took in.
type taken [][]byte

func takenIn(dir string) (files taken, sums map[string]bool, err error) {
	rec, err := audit.Load(dir)
	if err != nil {
		return nil, nil, err
	}
	sums = map[string]bool{}
	for _, e := range rec.Entries {
		b, err := entries.Types().Decode(e)
		if err != nil {
			continue // a withheld line; verify tells of any other
		}
		switch b := b.(type) {
		case entries.LogFault:
			if b.EmergencySHA256 != "" {
				sums[b.EmergencySHA256] = true
			}
		case entries.Deviation:
			for _, ev := range b.Evidence {
				if content, err := audit.ReadEvidence(dir, ev); err == nil && ev.What == "emergency file" {
					files = append(files, content)
				}
			}
		}
	}
	return files, sums, nil
}

func (t taken) compare(k anchors.KeptEmergency, sums map[string]bool) (*audit.Finding, string) {
	lines := bytes.Count(k.Lines, []byte("\n"))
	good := fmt.Sprintf("%s: %d emergency lines, as the record took them in; they have no chain and vouch for no entry", k.Where, lines)
	if sums[fmt.Sprintf("%x", sha256.Sum256(k.Lines))] {
		return nil, good
	}
	n := emergencyOf(k.Lines)
	for _, content := range t {
		if len(k.Lines) > 0 && bytes.HasPrefix(content, k.Lines) {
			return nil, good
		}
		if n > 0 && emergencyOf(content) == n {
			return &audit.Finding{Sev: audit.Tampered, Code: "E47-emergency", Msg: fmt.Sprintf("%s holds other lines of emergency file %d than the record took in: the file was changed before it was taken in", k.Where, n)}, ""
		}
	}
	if len(t) < len(sums) {
		return nil, k.Where + ": emergency lines, not compared: the file that the record took in is not in the bundle"
	}
	return &audit.Finding{Sev: audit.Incomplete, Code: "I59-emergency", Msg: fmt.Sprintf("%s holds %d emergency lines of this session, and the record took no such file in", k.Where, lines)}, ""
}

// emergencyOf is the number of the file that a first line names; 0: it names none.
func emergencyOf(content []byte) int {
	first, _, _ := bytes.Cut(content, []byte("\n"))
	var e struct {
		Emergency int `json:"emergency"`
	}
	if json.Unmarshal(first, &e) != nil {
		return 0
	}
	return e.Emergency
}
