package route53

import (
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// TestWhoseCredentialsCall: STS names the caller; where it cannot be reached the
// zone is still told apart, and nothing is made up.
func TestWhoseCredentialsCall(t *testing.T) {
	r := newRig(t)
	who, err := r.open().Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x := who.Extra
	if len(x[engines.ExtraAWSAccount]) != 12 || !strings.HasPrefix(x[engines.ExtraAWSCaller], "arn:aws:") || !strings.Contains(x[engines.ExtraAWSCaller], x[engines.ExtraAWSAccount]) ||
		x[engines.ExtraAWSUser] == "" || x[engines.ExtraAWSRegion] != "us-east-1" {
		t.Errorf("the caller is %q", x)
	}
	t.Setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
	if who, err = r.open().Identify(t.Context()); err != nil || who.System != "zone "+r.zone || len(who.Extra) != 0 {
		t.Errorf("without STS: %+v, %v", who, err)
	}
}
