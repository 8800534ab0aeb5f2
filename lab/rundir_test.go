package lab

import (
	"os"
	"sync"
	"testing"
)

// Runs begin at the same moment, each sweeping what it takes for left over: none
// may lose the folder it was given.
func TestRunsThatBeginTogetherKeepTheirFolders(t *testing.T) {
	parent := t.TempDir()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 60 {
				d, err := openRunDir(parent)
				if err != nil {
					t.Error(err)
					return
				}
				if err := os.Mkdir(d.path+"/blue", 0o700); err != nil {
					t.Error(err)
				}
				if err := d.close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
