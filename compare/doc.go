// Package compare reads the tables of two servers and says whether they are
// equal: sums of parts on both sides at once, the differing rows by key, another
// look at what may still be on its way, and the keys that changed since.
//
// Place: the imperative shell of comparisons, above checks/tablediff, which
// decides what a reading means, and below session and cli, which ask for one. It
// may import engines and checks, never engines/<name>: a server reaches it as an
// engines.Comparer.
//
// It only reads. It holds no snapshot longer than one statement, obeys the load
// law, and never reports as equal what it did not look at.
package compare
