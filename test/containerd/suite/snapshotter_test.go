// Runs containerd's own suite of snapshotters against `sluice snapshotter`, over its socket.
// SLUICE_COMMAND: the program and its first words, separated by spaces.
package suite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/snapshots/proxy"
	"github.com/containerd/containerd/v2/core/snapshots/testsuite"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func command(t *testing.T, words ...string) *exec.Cmd {
	program := strings.Fields(os.Getenv("SLUICE_COMMAND"))
	if len(program) == 0 {
		t.Fatal("SLUICE_COMMAND is not set")
	}
	cmd := exec.Command(program[0], append(program[1:], words...)...)
	cmd.Stderr = os.Stderr
	return cmd
}

// A daemon of its own for each test: they run side by side and look at all snapshots there are.
func start(t *testing.T) testsuite.SnapshotterFunc {
	return func(ctx context.Context, root string) (snapshots.Snapshotter, func() error, error) {
		data := filepath.Join(root, "data")
		// The path of a socket has 107 bytes at most.
		sockets, err := os.MkdirTemp("", "suite-")
		if err != nil {
			return nil, nil, err
		}
		socket := filepath.Join(sockets, "s")
		daemon := command(t, "--root", data, "--log-level", "warn", "snapshotter", "--address", socket)
		if err := daemon.Start(); err != nil {
			return nil, nil, err
		}
		stop := func() error {
			defer os.RemoveAll(sockets)
			if err := daemon.Process.Signal(os.Interrupt); err != nil {
				return err
			}
			return daemon.Wait()
		}
		if err := await(socket); err != nil {
			return nil, nil, fmt.Errorf("%w (stopped: %v)", err, stop())
		}
		conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, nil, fmt.Errorf("%w (stopped: %v)", err, stop())
		}
		snapshotter := proxy.NewSnapshotter(snapshotsapi.NewSnapshotsClient(conn), "sluice")
		return snapshotter, func() error {
			if err := snapshotter.Close(); err != nil {
				return err
			}
			if err := conn.Close(); err != nil {
				return err
			}
			return stop()
		}, nil
	}
}

func await(socket string) error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			return nil
		}
	}
	return fmt.Errorf("nobody serves %s after a minute", socket)
}

func TestSnapshotter(t *testing.T) {
	// Under this name the suite leaves out what overlayfs does not do: the rename of a directory of a lower layer.
	testsuite.SnapshotterSuite(t, "overlayfs", start(t))
}
