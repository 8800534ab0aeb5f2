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
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/turquoise-db/turquoise/audit"
)

// S3 copies the lines of the record into a bucket with Object Lock in compliance
// mode: nobody, root of the account included, can change or delete them before
// the date. It proves as much as the account behind the bucket is out of the
// operators' reach.
type S3 struct {
	client         *s3.Client
	bucket, prefix string
	until          time.Time
	from           int64 // first entry that is not there yet
}

// S3Address is s3://bucket/prefix.
func S3Address(text string) (bucket, prefix string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		return "", "", &Error{Op: "name bucket", Object: text, Err: errors.New("not of the form s3://BUCKET/PREFIX"), Next: "write it so"}
	}
	return u.Host, strings.Trim(u.Path, "/"), nil
}

// S3Client reads region, credentials and endpoint as the AWS tools do. With
// AWS_ENDPOINT_URL_S3 the bucket is part of the path.
func S3Client(ctx context.Context) (*s3.Client, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, &Error{Op: "read the AWS configuration", Object: "S3", Err: err, Next: "set AWS_REGION and credentials, or a profile"}
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = o.UsePathStyle || o.BaseEndpoint != nil }), nil
}

// NewS3 names a bucket and until when its objects are kept. There is no default
// for the date: it is a promise that cannot be taken back.
func NewS3(client *s3.Client, address string, until, now time.Time) (*S3, error) {
	bucket, prefix, err := S3Address(address)
	if err != nil {
		return nil, err
	}
	if !until.After(now) {
		return nil, &Error{Op: "lock copies", Object: address, Err: errors.New("no date in the future until which they are kept"), Next: "give the date to which your rules make you keep them"}
	}
	return &S3{client: client, bucket: bucket, prefix: prefix, until: until.UTC().Truncate(time.Second)}, nil
}

// Kind is audit.AnchorS3.
func (s *S3) Kind() string { return audit.AnchorS3 }

// Name is the bucket.
func (s *S3) Name() string { return "s3://" + s.bucket }

// s3Receipt is what <size>.s3.json holds.
type s3Receipt struct {
	At          string `json:"at"`
	Bucket      string `json:"bucket"`
	First       int64  `json:"first"`
	Key         string `json:"key"`
	Last        int64  `json:"last"`
	RetainUntil string `json:"retain_until"`
	SHA256      string `json:"sha256"`
	VersionID   string `json:"version_id"`
}

// Take puts the entries since the last copy, up to and with the seal, as one
// locked object. The key is the number of its first entry and must be free: two
// cockpits that go on from the same entry cannot both be right. An object of our
// own, whose answer was lost or whose receipt a crash took, is found and kept.
func (s *S3) Take(ctx context.Context, p Point) (Receipt, error) {
	if s.from == 0 {
		s.from = copiedSoFar(p.Dir, s.bucket)
	}
	for {
		lines, err := audit.RawLines(p.Dir, s.from, p.Head.Size+1)
		var r s3Receipt
		if err == nil {
			r, err = s.copy(ctx, p, lines)
		}
		var got Receipt
		if err == nil {
			got, err = s.kept(p, r)
		}
		if err != nil {
			return Receipt{}, &Error{Op: "copy entries", Object: s.Name(), Err: err, Next: "look at the bucket; the session goes on without it"}
		}
		if s.from = r.Last + 1; r.Last >= p.Head.Size {
			return got, nil
		}
	}
}

// copy puts lines under the key of their first entry, or finds that it did.
func (s *S3) copy(ctx context.Context, p Point, lines []byte) (s3Receipt, error) {
	sum := sha256.Sum256(lines)
	r := s3Receipt{At: time.Now().UTC().Format(time.RFC3339), Bucket: s.bucket, Key: path.Join(s.prefix, p.Sid, fmt.Sprintf("%012d.jsonl", s.from)),
		SHA256: hex.EncodeToString(sum[:]), First: s.from, Last: p.Head.Size, RetainUntil: s.until.Format(time.RFC3339)}
	out, err := s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: &r.Key, Body: bytes.NewReader(lines), IfNoneMatch: aws.String("*"),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])), ContentType: aws.String("application/jsonl"),
		ObjectLockMode: types.ObjectLockModeCompliance, ObjectLockRetainUntilDate: &s.until})
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "PreconditionFailed" {
		return s.found(ctx, r, lines)
	}
	if err != nil {
		return r, err
	}
	if r.VersionID = aws.ToString(out.VersionId); r.VersionID == "" {
		return r, errors.New("the bucket gave no version: it keeps none, so nothing is locked")
	}
	return r, nil
}

// found looks whose the object is that has the key: one that our own record goes
// on from, line by line, is ours; any other is a copy of this session elsewhere.
func (s *S3) found(ctx context.Context, r s3Receipt, lines []byte) (s3Receipt, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &r.Key})
	if err != nil {
		return r, fmt.Errorf("%s is there already, and whose it is could not be read: %w", r.Key, err)
	}
	there, err := io.ReadAll(io.LimitReader(out.Body, int64(len(lines))+1))
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return r, fmt.Errorf("%s is there already, and whose it is could not be read: %w", r.Key, err)
	}
	if !bytes.HasPrefix(lines, there) || !bytes.HasSuffix(there, []byte("\n")) {
		return r, fmt.Errorf("%w: %s", audit.ErrForked, r.Key)
	}
	sum := sha256.Sum256(there)
	r.SHA256, r.VersionID, r.Last = hex.EncodeToString(sum[:]), aws.ToString(out.VersionId), r.First+int64(bytes.Count(there, []byte("\n")))-1
	_, until, err := fetch(ctx, s.client, r)
	if err != nil {
		return r, fmt.Errorf("%s of this session: %w", r.Key, err)
	}
	if until.IsZero() {
		return r, fmt.Errorf("%s of this session is not locked", r.Key)
	}
	r.RetainUntil = until.UTC().Format(time.RFC3339)
	return r, nil
}

// kept writes the receipt of a copy beside the record.
func (s *S3) kept(p Point, r s3Receipt) (Receipt, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return Receipt{}, err
	}
	data = append(data, '\n')
	name := fmt.Sprintf("%08d.s3.json", r.Last)
	file, err := p.path(name)
	if err == nil {
		err = keep(file, data)
	}
	if err != nil {
		return Receipt{}, err
	}
	at, err := time.Parse(time.RFC3339, r.At)
	if err != nil {
		return Receipt{}, err
	}
	sum := sha256.Sum256(data)
	return Receipt{Kind: s.Kind(), Name: s.Name(), At: at, Size: r.Last, File: "anchors/" + name, SHA256: hex.EncodeToString(sum[:]),
		Detail: map[string]string{"key": r.Key, "version_id": r.VersionID, "retain_until": r.RetainUntil, "sha256": r.SHA256}}, nil
}

// fetch gives the hash of a copy as it lies in the bucket now, and until when it
// is locked. The version is pinned: a later put under the same key is another.
func fetch(ctx context.Context, client *s3.Client, r s3Receipt) (sum string, until time.Time, err error) {
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &r.Bucket, Key: &r.Key, VersionId: &r.VersionID})
	if err != nil {
		return "", time.Time{}, err
	}
	h := sha256.New()
	_, err = io.Copy(h, out.Body)
	if err = errors.Join(err, out.Body.Close()); err != nil {
		return "", time.Time{}, err
	}
	until, err = lockedUntil(ctx, client, r.Bucket, r.Key, r.VersionID)
	return hex.EncodeToString(h.Sum(nil)), until, err
}
