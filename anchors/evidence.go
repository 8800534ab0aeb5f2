package anchors

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/turquoise-db/turquoise/audit"
)

// S3Evidence copies the evidence files that entries name into the bucket of the
// locked copies, each under its hash. It is an anchor of its own: a large file
// must not hold up the copy of the entries that a step waits for.
type S3Evidence struct {
	client         *s3.Client
	bucket, prefix string
	until          time.Time // zero: the copies can be erased
	types          audit.Types
	from           int64 // first entry that was not looked through
	seen           map[string]bool
	got            []evidenceCopy // that no receipt holds yet
}

// evidenceReceipt is what <size>.evidence.json holds.
type evidenceReceipt struct {
	Bucket string         `json:"bucket"`
	Copies []evidenceCopy `json:"copies"`
}

type evidenceCopy struct {
	At          string `json:"at"`
	Key         string `json:"key"`
	RetainUntil string `json:"retain_until,omitempty"` // absent: it can be erased
	SHA256      string `json:"sha256"`
	VersionID   string `json:"version_id"`
}

// NewS3Evidence names the bucket of s for evidence as well. Locked copies cannot be
// deleted before the date of s, not even where somebody has a right to erasure.
func NewS3Evidence(s *S3, locked bool, types audit.Types) *S3Evidence {
	e := &S3Evidence{client: s.client, bucket: s.bucket, prefix: s.prefix, types: types}
	if locked {
		e.until = s.until
	}
	return e
}

// Kind is audit.AnchorEvidence.
func (s *S3Evidence) Kind() string { return audit.AnchorEvidence }

// Name is the bucket.
func (s *S3Evidence) Name() string { return "s3://" + s.bucket }

// Take copies what the entries up to the head name and no receipt has. Without
// such a file it gives the zero Receipt. What was copied before an error is in the
// receipt of the next head.
func (s *S3Evidence) Take(ctx context.Context, p Point) (Receipt, error) {
	if s.seen == nil {
		s.seen = evidenceSoFar(p.Dir, s.bucket)
	}
	names, err := s.named(p)
	for i := 0; err == nil && i < len(names); i++ {
		err = s.copy(ctx, p, names[i])
	}
	if err != nil {
		return Receipt{}, &Error{Op: "copy evidence", Object: s.Name(), Err: err, Next: "look at the bucket; the session goes on without it"}
	}
	s.from = p.Head.Size + 1
	if len(s.got) == 0 {
		return Receipt{}, nil
	}
	r, err := s.kept(p)
	if err != nil {
		return Receipt{}, &Error{Op: "keep the receipt of evidence", Object: p.Dir, Err: err, Next: "look at the disk of the record"}
	}
	s.got = nil
	return r, nil
}

// named are the evidence files of the entries that were not looked through yet. The
// key of the session's HMACs is named by its hash alone and is none of them.
func (s *S3Evidence) named(p Point) ([]string, error) {
	lines, err := audit.RawLines(p.Dir, s.from, p.Head.Size+1)
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range bytes.Lines(lines) {
		var e struct {
			Type string          `json:"type"`
			Body json.RawMessage `json:"body"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, err
		}
		b, err := s.types.Decode(audit.Entry{Type: e.Type, Body: e.Body})
		if err != nil {
			return nil, err
		}
		if ev, ok := b.(audit.Evident); ok {
			for _, f := range ev.EvidenceFiles() {
				out = append(out, f.SHA256)
			}
		}
	}
	return out, nil
}

// copy puts one file under its hash, or finds that it lies there.
func (s *S3Evidence) copy(ctx context.Context, p Point, name string) error {
	if s.seen[name] {
		return nil
	}
	f, err := os.Open(filepath.Join(p.Dir, "evidence", name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // erased, or not there: that is for verify to say
	}
	if err != nil {
		return err
	}
	defer f.Close()
	sum, err := hex.DecodeString(name)
	if err != nil {
		return err
	}
	c := evidenceCopy{At: time.Now().UTC().Format(time.RFC3339), Key: path.Join(s.prefix, p.Sid, "evidence", name), SHA256: name}
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: &c.Key, Body: f, IfNoneMatch: aws.String("*"), ContentType: aws.String("application/octet-stream"),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum))}
	if !s.until.IsZero() {
		c.RetainUntil, in.ObjectLockMode, in.ObjectLockRetainUntilDate = s.until.Format(time.RFC3339), types.ObjectLockModeCompliance, &s.until
	}
	out, err := s.client.PutObject(ctx, in)
	var api smithy.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode() == "PreconditionFailed":
		if err := s.there(ctx, &c); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("evidence %.12s…: %w", name, err)
	default:
		c.VersionID = aws.ToString(out.VersionId)
	}
	if c.VersionID == "" {
		return errors.New("the bucket gave no version: whatever is put over a copy replaces it")
	}
	s.got = append(s.got, c)
	s.seen[name] = true
	return nil
}

// there takes a copy that lies there already: of this session before a crash took
// its receipt. Its name says what its bytes must be.
func (s *S3Evidence) there(ctx context.Context, c *evidenceCopy) error {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &c.Key})
	if err != nil {
		return fmt.Errorf("%s is there already and could not be read: %w", c.Key, err)
	}
	h := sha256.New()
	_, err = io.Copy(h, out.Body)
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return fmt.Errorf("%s is there already and could not be read: %w", c.Key, err)
	}
	if hex.EncodeToString(h.Sum(nil)) != c.SHA256 {
		return fmt.Errorf("%s is there already with other bytes", c.Key)
	}
	c.VersionID = aws.ToString(out.VersionId)
	until, err := lockedUntil(ctx, s.client, s.bucket, c.Key, c.VersionID)
	if err != nil {
		return err
	}
	if c.RetainUntil = ""; !until.IsZero() {
		c.RetainUntil = until.UTC().Format(time.RFC3339)
	}
	return nil
}

func (s *S3Evidence) kept(p Point) (Receipt, error) {
	data, err := json.MarshalIndent(evidenceReceipt{Bucket: s.bucket, Copies: s.got}, "", "  ")
	if err != nil {
		return Receipt{}, err
	}
	data = append(data, '\n')
	name := fmt.Sprintf("%08d%s", p.Head.Size, evidenceSuffix)
	file, err := p.path(name)
	if err == nil {
		err = keep(file, data)
	}
	if err != nil {
		return Receipt{}, err
	}
	at, err := time.Parse(time.RFC3339, s.got[len(s.got)-1].At)
	sum := sha256.Sum256(data)
	d := map[string]string{"copies": fmt.Sprint(len(s.got)), "prefix": path.Join(s.prefix, p.Sid, "evidence")}
	if !s.until.IsZero() {
		d["retain_until"] = s.until.Format(time.RFC3339)
	}
	return Receipt{Kind: s.Kind(), Name: s.Name(), At: at, Size: p.Head.Size, File: "anchors/" + name, SHA256: hex.EncodeToString(sum[:]), Detail: d}, err
}

const evidenceSuffix = ".evidence.json"

// evidenceSoFar are the files that receipts of this bucket have.
func evidenceSoFar(dir, bucket string) map[string]bool {
	seen := map[string]bool{}
	files, _ := filepath.Glob(filepath.Join(dir, "anchors", "*"+evidenceSuffix))
	for _, f := range files {
		var r evidenceReceipt
		if data, err := os.ReadFile(f); err == nil && json.Unmarshal(data, &r) == nil && r.Bucket == bucket {
			for _, c := range r.Copies {
				seen[c.SHA256] = true
			}
		}
	}
	return seen
}

// lockedUntil says until when a version cannot be deleted by anybody; zero: it can.
func lockedUntil(ctx context.Context, client *s3.Client, bucket, key, version string) (time.Time, error) {
	lock, err := client.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: &bucket, Key: &key, VersionId: &version})
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "NoSuchObjectLockConfiguration" {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("its retention: %w", err)
	}
	if lock.Retention == nil || lock.Retention.Mode != types.ObjectLockRetentionModeCompliance || lock.Retention.RetainUntilDate == nil {
		return time.Time{}, nil
	}
	return *lock.Retention.RetainUntilDate, nil
}

// evidence fetches the copies of a receipt and holds each against its name.
func (t Trust) evidence(ctx context.Context, file string, data []byte) []audit.Vouch {
	var r evidenceReceipt
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil || len(r.Copies) == 0 {
		return []audit.Vouch{fault(audit.Tampered, "E44-worm", file, "%s: malformed receipt", filepath.Base(file))}
	}
	if t.Bucket != "" && r.Bucket != t.Bucket {
		return []audit.Vouch{fault(audit.Unverified, "E44-worm", file, "%s names the bucket %s, asked for was %s", filepath.Base(file), r.Bucket, t.Bucket)}
	}
	var out []audit.Vouch
	for _, c := range r.Copies {
		out = append(out, t.evidenceCopy(ctx, file, r.Bucket, c))
	}
	return out
}

func (t Trust) evidenceCopy(ctx context.Context, file, bucket string, c evidenceCopy) audit.Vouch {
	where := "s3://" + bucket + "/" + c.Key + " version " + c.VersionID
	got, err := t.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &c.Key, VersionId: &c.VersionID})
	var gone *types.NoSuchKey
	var api smithy.APIError
	if errors.As(err, &gone) || errors.As(err, &api) && api.ErrorCode() == "NoSuchVersion" {
		return fault(audit.Incomplete, "I50-evidence", file, "the copy of evidence %.12s… is no longer in the bucket (erased); its hash stands", c.SHA256)
	}
	h := sha256.New()
	if err == nil {
		_, err = io.Copy(h, got.Body)
		err = errors.Join(err, got.Body.Close())
	}
	if err != nil {
		return fault(audit.Unverified, "E03-read", file, "%s: %v", where, err)
	}
	if hex.EncodeToString(h.Sum(nil)) != c.SHA256 {
		return fault(audit.Tampered, "E44-worm", file, "%s has other bytes than evidence %.12s…", where, c.SHA256)
	}
	until, err := lockedUntil(ctx, t.S3, bucket, c.Key, c.VersionID)
	if err != nil {
		return fault(audit.Unverified, "E03-read", file, "%s: %v", where, err)
	}
	return audit.Vouch{Kind: audit.AnchorEvidence, Name: "s3://" + bucket, Seer: where, File: file, Evidence: c.SHA256, Until: until}
}
