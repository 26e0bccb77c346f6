// A client of KWIK on quic-go, written from docs/reference/protocol.md and proto/ alone. It opens a session with a
// pre-shared key, joins the servers that the primary names, and reads one multi-source stream, every block checked.
package main

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

// report is what the client prints, as JSON.
type report struct {
	Bytes     uint64         `json:"bytes"`
	Sha256    string         `json:"sha256"`
	Blocks    int            `json:"blocks"`
	Rejected  int            `json:"rejectedBytes"`
	Paths     map[string]int `json:"paths"`
	Untrusted []string       `json:"untrusted"`
	Refused   []string       `json:"refused"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

func run() error {
	server := flag.String("server", "", "host:port of the primary")
	authority := flag.String("ca", "", "file with the authority of the servers' certificates, PEM")
	name := flag.String("psk-name", "", "name of the pre-shared key")
	key := flag.String("psk-key", "", "the pre-shared key, hexadecimal")
	request := flag.String("request", "", "what to write into the stream")
	limit := flag.Duration("timeout", 30*time.Second, "when to give up")
	flag.Parse()

	pem, err := os.ReadFile(*authority)
	if err != nil {
		return err
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s has no certificate", *authority)
	}
	secret, err := hex.DecodeString(*key)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), *limit)
	defer cancel()
	primary, err := dial(ctx, *server, authorities)
	if err != nil {
		return err
	}
	member, err := openSession(primary, identity{*name, secret})
	if err != nil {
		return err
	}
	s := newSession(primary, member, authorities)
	if err := s.fetch(ctx, *request); err != nil {
		return err
	}
	s.end()
	return json.NewEncoder(os.Stdout).Encode(s.finalReport())
}

func (s *session) finalReport() report {
	s.report.Bytes = s.stream.readOffset
	s.report.Sha256 = hex.EncodeToString(s.stream.digest.Sum(nil))
	s.report.Paths = map[string]int{}
	for _, p := range s.paths {
		s.report.Paths[p.address] = p.bytes
	}
	if s.content != nil {
		s.report.Blocks, s.report.Rejected = s.content.checked, s.content.rejected
	}
	return s.report
}
