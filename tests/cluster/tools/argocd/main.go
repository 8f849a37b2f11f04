// Argo CD's application controller, repository server and API server in one program; ARGOCD_BINARY_NAME says which, as in its
// own image. Its command line client and other servers, which nobody needs here, are left out.
package main

import (
	"fmt"
	"os"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	repositories "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	server "github.com/argoproj/argo-cd/v3/cmd/argocd-server/commands"
	"github.com/spf13/cobra"
)

func main() {
	parts := map[string]func() *cobra.Command{
		"argocd-application-controller": controller.NewCommand,
		"argocd-repo-server":            repositories.NewCommand,
		"argocd-server":                 server.NewCommand,
	}
	part, known := parts[os.Getenv("ARGOCD_BINARY_NAME")]
	if !known {
		fmt.Fprintln(os.Stderr, "ARGOCD_BINARY_NAME is none of", parts)
		os.Exit(2)
	}
	if err := part().Execute(); err != nil {
		os.Exit(1)
	}
}
