package lab

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
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

// A run that was killed before its folder had a name leaves one that nobody locks:
// its age alone tells that it is nobody's.
func TestFoldersThatNeverGotTheirNameAreRemoved(t *testing.T) {
	parent := t.TempDir()
	young, old := filepath.Join(parent, ".tq-lab-1"), filepath.Join(parent, ".tq-lab-2")
	for _, dir := range []string{young, old} {
		if err := os.MkdirAll(filepath.Join(dir, "blue"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * unnamedFor)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	d, err := openRunDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.close() }()
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the old folder: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the folder of a run that begins: %v", err)
	}
}
