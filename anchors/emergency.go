package anchors

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// maxEmergency bounds what is kept of one emergency file: a window is some
// hundred lines.
const maxEmergency = 4 << 20

// maxEmergencies bounds how many files a session may have.
const maxEmergencies = 99

// errOtherLines: somebody was sent other lines under these numbers before.
var errOtherLines = errors.New("other lines were kept under these numbers before")

// Keep puts the lines as one locked object, beside the copies of the entries.
func (s *S3) Keep(ctx context.Context, e Emergency) error {
	key := path.Join(s.prefix, e.Sid, fmt.Sprintf("emergency-%d", e.File), fmt.Sprintf("%06d.jsonl", e.First))
	sum := sha256.Sum256(e.Lines)
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(e.Lines), IfNoneMatch: aws.String("*"),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])), ContentType: aws.String("application/jsonl"),
		ObjectLockMode: types.ObjectLockModeCompliance, ObjectLockRetainUntilDate: &s.until})
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "PreconditionFailed" {
		return s.keepRest(ctx, key, e)
	}
	if err != nil {
		return &Error{Op: "copy emergency lines", Object: s.Name(), Err: err, Next: "look at the bucket; the lines stand in the emergency file"}
	}
	return nil
}

// keepRest goes on behind an object of ours whose answer was lost: it may hold
// fewer lines than are offered now.
func (s *S3) keepRest(ctx context.Context, key string, e Emergency) error {
	there, err := object(ctx, s.client, s.bucket, key, nil)
	if err == nil && (!bytes.HasPrefix(e.Lines, there) || !bytes.HasSuffix(there, []byte("\n"))) {
		err = fmt.Errorf("%w: %s", errOtherLines, key)
	}
	if err != nil {
		return &Error{Op: "copy emergency lines", Object: s.Name(), Err: err, Next: "look at the bucket; the lines stand in the emergency file"}
	}
	if e.Lines = e.Lines[len(there):]; len(e.Lines) == 0 {
		return nil
	}
	e.First += bytes.Count(there, []byte("\n"))
	return s.Keep(ctx, e)
}

func object(ctx context.Context, client *s3.Client, bucket, key string, version *string) ([]byte, error) {
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key, VersionId: version})
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(out.Body, maxEmergency+1))
	return data, errors.Join(err, out.Body.Close())
}

// Keep sends the lines to the witness.
func (w *WitnessAnchor) Keep(ctx context.Context, e Emergency) error {
	q := url.Values{"origin": {e.Origin}, "file": {strconv.Itoa(e.File)}, "from": {strconv.Itoa(e.First)}}
	_, err := w.post(ctx, "/emergency?"+q.Encode(), e.Lines)
	if err != nil {
		return &Error{Op: "give emergency lines to witness", Object: w.key.Name, Err: err, Next: "look at the witness; the lines stand in the emergency file"}
	}
	return nil
}

// KeepEmergency adds lines to what the witness has of an emergency file, on disk
// before it returns. Lines it has already must be the same. It claims nothing of
// them: they have no chain; what counts is that the operator cannot change them.
func (w *Witness) KeepEmergency(origin string, file, from int, lines []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	was, err := w.seen(origin)
	if err != nil {
		return &Error{Op: "read the witness's state", Object: w.file(origin), Err: err}
	}
	if was.Size == 0 {
		return &Refusal{Code: http.StatusForbidden, Why: "I have seen no entry of this record"}
	}
	if err := emergencyForm(origin, file, from, lines); err != nil {
		return &Refusal{Code: http.StatusBadRequest, Why: err.Error()}
	}
	name := w.emergencyFile(origin, file)
	had, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &Error{Op: "read emergency lines", Object: name, Err: err}
	}
	at := 0
	for range from - 1 {
		n := bytes.IndexByte(had[at:], '\n')
		if n < 0 {
			return &Refusal{Code: http.StatusConflict, Why: fmt.Sprintf("the lines before %d are not here", from)}
		}
		at += n + 1
	}
	rest := had[at:]
	if !bytes.HasPrefix(lines, rest) && !bytes.HasPrefix(rest, lines) {
		return &Refusal{Code: http.StatusUnprocessableEntity, Why: errOtherLines.Error()}
	}
	if len(had)+len(lines) > maxEmergency {
		return &Refusal{Code: http.StatusRequestEntityTooLarge, Why: "more lines than an emergency has"}
	}
	if len(lines) <= len(rest) {
		return nil
	}
	if err := keep(name, append(had, lines[len(rest):]...)); err != nil {
		return &Error{Op: "keep emergency lines", Object: name, Err: err}
	}
	if w.Told != nil {
		w.Told(fmt.Sprintf("the record of %s cannot be written: emergency lines are kept in %s", origin, name))
	}
	return nil
}

func (w *Witness) emergencyFile(origin string, n int) string {
	return strings.TrimSuffix(w.file(origin), ".json") + fmt.Sprintf(".emergency-%d.jsonl", n)
}

func emergencyForm(origin string, file, from int, lines []byte) error {
	if file < 1 || file > maxEmergencies || from < 1 || len(lines) == 0 || !bytes.HasSuffix(lines, []byte("\n")) {
		return errors.New("no emergency lines")
	}
	for line := range bytes.Lines(lines) {
		var e struct {
			V         int    `json:"v"`
			Emergency int    `json:"emergency"`
			Sid       string `json:"sid"`
		}
		if err := json.Unmarshal(line, &e); err != nil || e.V != 1 || e.Emergency != file || !strings.HasSuffix(origin, "/"+e.Sid) {
			return errors.New("not a line of this session's emergency file")
		}
	}
	return nil
}

// KeptEmergency is what somebody outside has of an emergency file.
type KeptEmergency struct {
	Where string
	Lines []byte
}

// Emergencies reads what a bucket has of the emergency files of a session. Of each
// key the oldest version counts: it was put where nothing was, and is locked; what
// was put over it is somebody's afterthought.
func Emergencies(ctx context.Context, client *s3.Client, bucket, prefix, sid string) ([]KeptEmergency, error) {
	under := path.Join(prefix, sid) + "/emergency-"
	oldest := map[string]types.ObjectVersion{}
	pages := s3.NewListObjectVersionsPaginator(client, &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &under})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, &Error{Op: "list emergency lines", Object: "s3://" + bucket + "/" + under, Err: err, Next: "see whether these credentials may list the versions of the bucket"}
		}
		for _, v := range page.Versions {
			// Newest first, and times are whole seconds: of two alike the later one is older.
			if o, ok := oldest[*v.Key]; !ok || !v.LastModified.After(*o.LastModified) {
				oldest[*v.Key] = v
			}
		}
	}
	var keys []string
	for k := range oldest {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	files := map[string]*KeptEmergency{}
	var order []string
	for _, k := range keys {
		data, err := object(ctx, client, bucket, k, oldest[k].VersionId)
		if err != nil {
			return nil, &Error{Op: "read emergency lines", Object: "s3://" + bucket + "/" + k, Err: err}
		}
		dir := path.Dir(k)
		if files[dir] == nil {
			files[dir] = &KeptEmergency{Where: "s3://" + bucket + "/" + dir}
			order = append(order, dir)
		}
		files[dir].Lines = append(files[dir].Lines, data...)
	}
	var out []KeptEmergency
	for _, dir := range order {
		out = append(out, *files[dir])
	}
	return out, nil
}

// ReceiptPrefix is where the receipts of a bucket say that this record's copies lie.
func ReceiptPrefix(dir, bucket, sid string) (prefix string, ok bool) {
	files, _ := filepath.Glob(filepath.Join(dir, "anchors", "*.s3.json"))
	for _, f := range files {
		var r s3Receipt
		if data, err := os.ReadFile(f); err == nil && json.Unmarshal(data, &r) == nil && r.Bucket == bucket && path.Base(path.Dir(r.Key)) == sid {
			return strings.TrimSuffix(path.Dir(path.Dir(r.Key)), "."), true
		}
	}
	return "", false
}
