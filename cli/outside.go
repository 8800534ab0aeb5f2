package cli

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/turquoise-db/turquoise/anchors"
	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/engines"
)

// outside is whom the auditor believes besides the record.
type outside struct {
	witnesses []string
	tsa, s3   string
}

func (o *outside) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.witnesses, "witness", nil, "key of a witness: NAME+ID+KEY (repeatable)")
	f.StringVar(&o.tsa, "tsa", "", "certificates (PEM) of the timestamp authorities to believe")
	f.StringVar(&o.s3, "s3", "", "s3://BUCKET with the locked copies; AWS configuration as for the AWS tools")
}

// any says whether somebody outside was named.
func (o outside) any(heads []string) bool {
	return len(o.witnesses)+len(heads) > 0 || o.tsa != "" || o.s3 != ""
}

type foundOutside struct {
	vouches []audit.Vouch
	skipped []string
}

// outsideLimit bounds what verify waits for a bucket.
const outsideLimit = 2 * time.Minute

// read gathers what outsiders said about the record in dir.
func (o outside) read(ctx context.Context, dir string, logs []string) (foundOutside, error) {
	var out foundOutside
	trust, err := o.trust(ctx)
	if err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, outsideLimit)
	defer cancel()
	if out.vouches, out.skipped, err = anchors.Vouches(ctx, dir, trust); err != nil {
		return out, &engines.Error{Op: "read anchors", Object: dir, Err: err, Next: "see whether the folder anchors can be read"}
	}
	for _, file := range logs {
		sid, err := sidOf(dir)
		if err != nil {
			return out, err
		}
		v, err := anchors.ServerLog(file, sid)
		if err != nil {
			return out, exit(ExitUsage, err)
		}
		if len(v) == 0 {
			out.skipped = append(out.skipped, file+": it holds no statement of this session; turquoise reconcile says what that means")
		}
		out.vouches = append(out.vouches, v...)
	}
	return out, nil
}

func (o outside) trust(ctx context.Context) (anchors.Trust, error) {
	var t anchors.Trust
	for _, text := range o.witnesses {
		k, err := anchors.ParseWitnessKey(text)
		if err != nil {
			return t, usage("the witness prints its key when it starts", "--witness %s: %v", text, err)
		}
		t.Witnesses = append(t.Witnesses, k)
	}
	var err error
	if t.TSA, err = certificates(o.tsa); err != nil {
		return t, err
	}
	if o.s3 != "" {
		if t.Bucket, _, err = anchors.S3Address(o.s3); err != nil {
			return t, exit(ExitUsage, err)
		}
		t.S3, err = anchors.S3Client(ctx)
	}
	return t, err
}

// certificates reads a PEM file; none without a name.
func certificates(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, exit(ExitUsage, &engines.Error{Op: "read certificates", Object: file, Err: err, Next: "name a readable PEM file"})
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, usage("name a PEM file with the authority's certificate", "--tsa %s: it holds no certificate", file)
	}
	return pool, nil
}

// sidOf is the session that the first line of a record names. What it says is
// not believed yet.
func sidOf(dir string) (string, error) {
	var first struct {
		Sid string `json:"sid"`
	}
	line, err := audit.RawLines(dir, 0, 1)
	if err == nil {
		err = json.Unmarshal(line, &first)
	}
	return first.Sid, err
}
