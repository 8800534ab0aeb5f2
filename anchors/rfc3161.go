package anchors

import (
	"bytes"
	"crypto"
	_ "crypto/sha256" // the digests that a stamp may be signed with
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// The parts of RFC 3161 (timestamps) and RFC 5652 (signed data) that a client
// needs. encoding/asn1 lets further elements stand at the end of a sequence, so
// what is not read is not listed.

type imprint struct {
	Algorithm pkix.AlgorithmIdentifier
	Hash      []byte
}

type stampQuery struct {
	Version int
	Imprint imprint
	Nonce   *big.Int
	CertReq bool
}

type stampReply struct {
	Status struct{ Code int }
	Token  contentInfo `asn1:"optional"`
}

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,optional,tag:0"`
}

// element is one that is passed over or looked into later.
type element struct{ Raw asn1.RawContent }

type signedData struct {
	Version int
	Digests []pkix.AlgorithmIdentifier `asn1:"set"`
	Content contentInfo
	Certs   element      `asn1:"optional,tag:0"`
	CRLs    element      `asn1:"optional,tag:1"`
	Signers []signerInfo `asn1:"set"`
}

type signerInfo struct {
	Version int
	Signer  struct {
		Issuer asn1.RawValue
		Serial *big.Int
	}
	Digest    pkix.AlgorithmIdentifier
	Attrs     element `asn1:"optional,tag:0"`
	Algorithm pkix.AlgorithmIdentifier
	Signature []byte
}

type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

type stampInfo struct {
	Version  int
	Policy   asn1.ObjectIdentifier
	Imprint  imprint
	Serial   *big.Int
	Time     asn1.RawValue
	Accuracy element  `asn1:"optional"`
	Ordering bool     `asn1:"optional"`
	Nonce    *big.Int `asn1:"optional"`
}

var (
	oidSHA256     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidStampInfo  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidDigestAttr = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidTypeAttr   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidRSA        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1}
	oidECDSA      = asn1.ObjectIdentifier{1, 2, 840, 10045}
)

// query asks for a stamp over a SHA-256 hash, with the signer's certificate in it.
func query(sum []byte, nonce *big.Int) ([]byte, error) {
	return asn1.Marshal(stampQuery{Version: 1, Nonce: nonce, CertReq: true,
		Imprint: imprint{Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidSHA256, Parameters: asn1.NullRawValue}, Hash: sum}})
}

var errStamp = errors.New("malformed reply")

// stamped is a reply taken apart; only verify makes it worth something.
type stamped struct {
	info    stampInfo
	at      time.Time
	content []byte
	signer  signerInfo
	cert    *x509.Certificate
	others  *x509.CertPool
}

func parseStamp(reply []byte) (*stamped, error) {
	var r stampReply
	if rest, err := asn1.Unmarshal(reply, &r); err != nil || len(rest) > 0 {
		return nil, errStamp
	}
	if r.Status.Code > 1 { // granted, granted with modifications
		return nil, fmt.Errorf("the authority refuses (status %d)", r.Status.Code)
	}
	var sd signedData
	if !r.Token.Type.Equal(oidSignedData) {
		return nil, errStamp
	}
	if _, err := asn1.Unmarshal(r.Token.Content.Bytes, &sd); err != nil || len(sd.Signers) != 1 || !sd.Content.Type.Equal(oidStampInfo) {
		return nil, errStamp
	}
	s := &stamped{signer: sd.Signers[0], others: x509.NewCertPool()}
	if _, err := asn1.Unmarshal(sd.Content.Content.Bytes, &s.content); err != nil {
		return nil, errStamp
	}
	if _, err := asn1.Unmarshal(s.content, &s.info); err != nil || !s.info.Imprint.Algorithm.Algorithm.Equal(oidSHA256) {
		return nil, errStamp
	}
	// Fractions of a second are allowed here, which encoding/asn1 does not read.
	at, err := time.Parse("20060102150405.999999999Z", string(s.info.Time.Bytes))
	if err != nil {
		return nil, errStamp
	}
	s.at = at
	return s, s.certificates(sd.Certs.Raw)
}

func (s *stamped) certificates(raw []byte) error {
	var set asn1.RawValue
	if _, err := asn1.Unmarshal(raw, &set); err != nil {
		return errors.New("the reply holds no certificate")
	}
	all, err := x509.ParseCertificates(set.Bytes)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.SerialNumber.Cmp(s.signer.Signer.Serial) == 0 && bytes.Equal(c.RawIssuer, s.signer.Signer.Issuer.FullBytes) {
			s.cert = c
		} else {
			s.others.AddCert(c)
		}
	}
	if s.cert == nil {
		return errors.New("the reply does not hold its signer's certificate")
	}
	return nil
}

// verify checks the signature, and that its signer was allowed to stamp at that
// time by one of roots.
func (s *stamped) verify(roots *x509.CertPool) error {
	hash, algorithm, err := algorithms(s.signer)
	if err != nil {
		return err
	}
	attrs := slices.Clone([]byte(s.signer.Attrs.Raw))
	if len(attrs) == 0 {
		return errStamp
	}
	attrs[0] = 0x31 // signed as the set it is, not as the tagged field
	var list []attribute
	if _, err := asn1.UnmarshalWithParams(attrs, &list, "set"); err != nil {
		return errStamp
	}
	h := hash.New()
	h.Write(s.content)
	if err := attributesFit(list, h.Sum(nil)); err != nil {
		return err
	}
	if err := s.cert.CheckSignature(algorithm, attrs, s.signer.Signature); err != nil {
		return err
	}
	if !slices.Contains(s.cert.ExtKeyUsage, x509.ExtKeyUsageTimeStamping) {
		return errors.New("its signer's certificate is not for timestamps")
	}
	_, err = s.cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: s.others, CurrentTime: s.at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}})
	return err
}

// attributesFit says whether what is signed is this content: exactly one digest
// and one type, or which of two counts would be a question.
func attributesFit(list []attribute, sum []byte) error {
	digests, types := 0, 0
	for _, a := range list {
		switch {
		case a.Type.Equal(oidDigestAttr):
			var is []byte
			if _, err := asn1.Unmarshal(a.Value.Bytes, &is); err != nil || !bytes.Equal(is, sum) {
				return errors.New("the signature is over something else")
			}
			digests++
		case a.Type.Equal(oidTypeAttr):
			var is asn1.ObjectIdentifier
			if _, err := asn1.Unmarshal(a.Value.Bytes, &is); err != nil || !is.Equal(oidStampInfo) {
				return errStamp
			}
			types++
		}
	}
	if digests != 1 || types != 1 {
		return errStamp
	}
	return nil
}

func algorithms(s signerInfo) (crypto.Hash, x509.SignatureAlgorithm, error) {
	under := func(family asn1.ObjectIdentifier) bool {
		o := s.Algorithm.Algorithm
		return len(o) > len(family) && family.Equal(o[:len(family)])
	}
	for _, row := range []struct {
		digest     asn1.ObjectIdentifier
		hash       crypto.Hash
		rsa, ecdsa x509.SignatureAlgorithm
	}{
		{oidSHA256, crypto.SHA256, x509.SHA256WithRSA, x509.ECDSAWithSHA256},
		{oidSHA384, crypto.SHA384, x509.SHA384WithRSA, x509.ECDSAWithSHA384},
		{oidSHA512, crypto.SHA512, x509.SHA512WithRSA, x509.ECDSAWithSHA512},
	} {
		switch {
		case !s.Digest.Algorithm.Equal(row.digest):
		case under(oidRSA):
			return row.hash, row.rsa, nil
		case under(oidECDSA):
			return row.hash, row.ecdsa, nil
		}
	}
	return 0, 0, fmt.Errorf("signed with %s and %s, which is not known here", s.Algorithm.Algorithm, s.Digest.Algorithm)
}
