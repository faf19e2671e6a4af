// What the suite's image of this name holds: a set-user-ID program that says as whom it runs.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Printf("Effective uid: %d\n", os.Geteuid())
}
