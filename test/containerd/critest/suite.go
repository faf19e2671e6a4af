//go:build tools

// The suite of the container runtime interface: `go test -c sigs.k8s.io/cri-tools/cmd/critest` builds its program.
package critest

import _ "sigs.k8s.io/cri-tools/pkg/validate"
