package engines

import (
	"math/big"
	"strconv"
)

// What comparers of all engines read in the same way from their servers' answers.

// ReadSum reads number and sum of rows.
func ReadSum(count, hash string) (Sum, error) {
	n, err := strconv.ParseInt(count, 10, 64)
	return Sum{Count: n, Hash: hash}, err
}

// ReadLoad reads what a server suffers: sessions, and seconds.
func ReadLoad(active, waiting, oldest string) (l Load, err error) {
	if l.Active, err = strconv.Atoi(active); err != nil {
		return l, err
	}
	if l.Waiting, err = strconv.Atoi(waiting); err != nil {
		return l, err
	}
	l.Oldest, err = strconv.ParseFloat(oldest, 64)
	return l, err
}

// mostCuts ends a walk that would cost more round trips than it saves.
const mostCuts = 20_000

// WalkCuts takes the key of every n-th row as a cut. next reads the first key that
// lies so many rows behind one, from that one on or, if past is set, behind all rows
// that have it; the first key is asked for with none. It says with ok that there is
// one. Each question is a statement of its own, so that no snapshot is held.
func WalkCuts(next func(from string, begun, past bool) (key string, ok bool, err error)) ([]string, error) {
	var out []string
	from, past := "", false
	for len(out) < mostCuts {
		at, ok, err := next(from, len(out) > 0, past)
		if err != nil {
			return nil, err
		}
		if !ok {
			return out, nil
		}
		// More rows than a part holds may have one value: the next cut is behind it.
		past = len(out) > 0 && out[len(out)-1] == at
		if from = at; !past {
			out = append(out, at)
		}
	}
	return out, nil
}

// Between gives the whole numbers that divide the way from low to high into parts of
// equal width; ok is false if one of the two is no whole number.
func Between(low, high string, parts int64) (cuts []string, width *big.Int, ok bool) {
	lo, ok := new(big.Int).SetString(low, 10)
	hi, ok2 := new(big.Int).SetString(high, 10)
	if !ok || !ok2 {
		return nil, nil, false
	}
	width = new(big.Int).Sub(hi, lo)
	last := lo
	for k := int64(1); k < parts; k++ {
		at := new(big.Int).Mul(width, big.NewInt(k))
		if at.Div(at, big.NewInt(parts)).Add(at, lo); at.Cmp(last) > 0 && at.Cmp(hi) < 0 {
			cuts, last = append(cuts, at.String()), at
		}
	}
	return cuts, width, true
}
