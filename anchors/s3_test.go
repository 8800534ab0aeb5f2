package anchors_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/turquoise-db/turquoise/anchors"
	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// bucketServer is versitygw, a real S3 server with Object Lock, on this machine.
func bucketServer(t *testing.T) *s3.Client {
	t.Helper()
	b := labtest.Buckets(t)
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": b.Access, "AWS_SECRET_ACCESS_KEY": b.Secret, "AWS_REGION": "us-east-1",
		"AWS_ENDPOINT_URL_S3": b.Endpoint, "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"} {
		t.Setenv(name, value)
	}
	client := must[*s3.Client](t)(anchors.S3Client(t.Context()))
	must[*s3.CreateBucketOutput](t)(client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("records"), ObjectLockEnabledForBucket: aws.Bool(true)}))
	return client
}

func TestALockedCopyCatchesAForgedNight(t *testing.T) {
	client := bucketServer(t)
	until := time.Now().Add(48 * time.Hour)
	real, forged := twoNights(t, must[*anchors.S3](t)(anchors.NewS3(client, "s3://records/nights", until, time.Now())))
	trust := anchors.Trust{S3: client, Bucket: "records"}
	r := real.verify(real.dir, trust)
	expect(t, r, 0, "s3://records/nights/"+sid+"/0000000000", ".jsonl version ")
	if r.Covered == 0 || !strings.Contains(r.Levels[4].Text, "no timestamp") {
		t.Errorf("covered %d: %v", r.Covered, r.Levels)
	}
	expect(t, forged.verify(real.dir, trust), 1, "E44-worm", "has other bytes than entries 0 to ")
	expect(t, real.verify(real.dir, anchors.Trust{}), 4, "the copy was not fetched (--s3)", "U60")

	// The joined objects are the record up to the last copied seal.
	var joined []byte
	list := must[*s3.ListObjectsV2Output](t)(client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("records")}))
	for _, o := range list.Contents {
		get := must[*s3.GetObjectOutput](t)(client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("records"), Key: o.Key}))
		var b bytes.Buffer
		if _, err := b.ReadFrom(get.Body); err != nil {
			t.Fatal(err)
		}
		joined = append(joined, b.Bytes()...)
	}
	if whole := must[[]byte](t)(os.ReadFile(real.dir + "/0001.jsonl")); len(list.Contents) != 2 || !bytes.HasPrefix(whole, joined) {
		t.Errorf("%d objects of %d bytes are not the beginning of the record", len(list.Contents), len(joined))
	}

	// Locked: not deleted, not shortened; what is put over it is another version.
	versions := must[*s3.ListObjectVersionsOutput](t)(client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String("records")}))
	v := versions.Versions[0]
	if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("records"), Key: v.Key, VersionId: v.VersionId, BypassGovernanceRetention: aws.Bool(true)}); err == nil {
		t.Error("a locked copy was deleted")
	}
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("records"), Key: v.Key, Body: strings.NewReader("other")}); err != nil {
		t.Fatal(err)
	}
	expect(t, real.verify(real.dir, trust), 0)

	// Two cockpits cannot both go on from the same entry.
	other := must[*anchors.S3](t)(anchors.NewS3(client, "s3://records/nights", until, time.Now()))
	if _, err := other.Take(t.Context(), anchors.Point{Dir: forged.dir, Sid: sid, Head: forged.log.Head()}); !errors.Is(err, audit.ErrForked) {
		t.Errorf("the second cockpit: %v", err)
	}
}

// TestACopyWhoseReceiptWasLost: a cockpit that died before it kept the receipt, or
// never had the answer, finds its own copies and goes on behind them.
func TestACopyWhoseReceiptWasLost(t *testing.T) {
	client := bucketServer(t)
	until := time.Now().Add(48 * time.Hour)
	real, forged := twoNights(t, must[*anchors.S3](t)(anchors.NewS3(client, "s3://records/nights", until, time.Now())))
	for _, f := range must[[]string](t)(filepath.Glob(real.dir + "/anchors/*.s3.json")) {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	other := must[*anchors.S3](t)(anchors.NewS3(client, "s3://records/nights", until, time.Now()))
	if _, err := other.Take(t.Context(), anchors.Point{Dir: forged.dir, Sid: sid, Head: forged.log.Head()}); !errors.Is(err, audit.ErrForked) {
		t.Errorf("the copies of another record are taken for its own: %v", err)
	}
	again := must[*anchors.S3](t)(anchors.NewS3(client, "s3://records/nights", until.Add(time.Hour), time.Now()))
	head := real.log.Head()
	got := must[anchors.Receipt](t)(again.Take(t.Context(), anchors.Point{Dir: real.dir, Sid: sid, Head: head}))
	if files := must[[]string](t)(filepath.Glob(real.dir + "/anchors/*.s3.json")); got.Size != head.Size || len(files) != 3 {
		t.Errorf("receipt %+v, files %q; want the two old copies and the rest", got, files)
	}
	r := real.verify(real.dir, anchors.Trust{S3: client, Bucket: "records"})
	expect(t, r, 0)
	if r.Covered < head.Size {
		t.Errorf("covered %d of %d", r.Covered, head.Size)
	}
}

func TestACopyNeedsADate(t *testing.T) {
	for address, until := range map[string]time.Time{"s3://b/p": {}, "s3://b": time.Now().Add(-time.Hour), "http://b": time.Now().Add(time.Hour), "s3:///p": time.Now().Add(time.Hour)} {
		if _, err := anchors.NewS3(nil, address, until, time.Now()); err == nil {
			t.Errorf("%s until %s is accepted", address, until)
		}
	}
}
