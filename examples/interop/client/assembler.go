package main

import (
	"crypto/sha256"
	"hash"
)

// assembler puts the pieces of one stream in order, and digests what comes out.
type assembler struct {
	readOffset uint64
	finalSize  *uint64
	digest     hash.Hash
	// What came ahead of its turn, by offset.
	waiting map[uint64][]byte
}

func newAssembler() *assembler {
	return &assembler{digest: sha256.New(), waiting: map[uint64][]byte{}}
}

// take takes bytes of the stream at their KWIK offset; they may have come before.
func (a *assembler) take(offset uint64, data []byte) {
	if known, ok := a.waiting[offset]; !ok || len(known) < len(data) {
		a.waiting[offset] = append([]byte(nil), data...)
	}
	for moved := true; moved; {
		moved = false
		for at, piece := range a.waiting {
			if at > a.readOffset {
				continue
			}
			if end := at + uint64(len(piece)); end > a.readOffset {
				a.digest.Write(piece[a.readOffset-at:])
				a.readOffset = end
				moved = true
			}
			delete(a.waiting, at)
		}
	}
}

func (a *assembler) end(size uint64) { a.finalSize = &size }

func (a *assembler) complete() bool { return a.finalSize != nil && a.readOffset == *a.finalSize }
