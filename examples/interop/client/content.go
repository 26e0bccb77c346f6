package main

import (
	"bytes"
	"crypto/sha256"

	pb "kwik.example/interop/kwikv1"
)

// Blocks that each server owes at once: enough for a path of some round trips, little enough to share the work.
const blocksAhead = 8

// content is one multi-source part of a stream: the bytes from `start.BaseOffset` on are the content of a key.
type content struct {
	start   *pb.ContentStart
	blocks  []block
	missing int
	checked int
	// Bytes of blocks that did not match their digest.
	rejected int
	// The server whose block was wrong.
	liars map[uint32]bool
}

type block struct {
	digest []byte
	// What came of it, by path: each copy of a block has one origin, so that a liar is known.
	copies map[uint32]*copyOfBlock
	// The server that was asked for it; meaningful when `asked`.
	from  uint32
	asked bool
	done  bool
}

type copyOfBlock struct {
	data []byte
	have []bool
	left int
}

func newContent(start *pb.ContentStart) *content {
	count := int((start.Size + uint64(start.BlockBytes) - 1) / uint64(start.BlockBytes))
	c := &content{start: start, blocks: make([]block, count), missing: count, liars: map[uint32]bool{}}
	// The primary sends these unasked.
	for index := 0; index < count && uint64(index)*uint64(start.BlockBytes) < start.InitialBytes; index++ {
		c.blocks[index].asked = true
	}
	return c
}

func (c *content) blockLength(index int) int {
	left := c.start.Size - uint64(index)*uint64(c.start.BlockBytes)
	if left < uint64(c.start.BlockBytes) {
		return int(left)
	}
	return int(c.start.BlockBytes)
}

func (c *content) takeDigests(message *pb.ContentDigests) {
	for at := 0; at*sha256.Size < len(message.Digests); at++ {
		index := int(message.FirstBlock) + at
		if index < len(c.blocks) {
			c.blocks[index].digest = message.Digests[at*sha256.Size : (at+1)*sha256.Size]
		}
	}
}

// take puts bytes of one path at their offset in the content; blocks that are whole wait for `verify`.
func (c *content) take(pathID uint32, offset uint64, data []byte) {
	for len(data) > 0 {
		index := int(offset / uint64(c.start.BlockBytes))
		if index >= len(c.blocks) {
			return
		}
		at := int(offset % uint64(c.start.BlockBytes))
		length := len(data)
		if rest := c.blockLength(index) - at; length > rest {
			length = rest
		}
		if length == 0 {
			return
		}
		c.blocks[index].write(pathID, c.blockLength(index), at, data[:length])
		offset, data = offset+uint64(length), data[length:]
	}
}

func (b *block) write(pathID uint32, length, at int, data []byte) {
	if b.done {
		return
	}
	if b.copies == nil {
		b.copies = map[uint32]*copyOfBlock{}
	}
	mine := b.copies[pathID]
	if mine == nil {
		mine = &copyOfBlock{data: make([]byte, length), have: make([]bool, length), left: length}
		b.copies[pathID] = mine
	}
	for index, value := range data {
		if !mine.have[at+index] {
			mine.have[at+index] = true
			mine.left--
			mine.data[at+index] = value
		}
	}
}

// verify hands out the blocks that are whole and match the primary's digest. Whoever sent others is a liar.
func (c *content) verify(deliver func(offset uint64, data []byte)) {
	for index := range c.blocks {
		b := &c.blocks[index]
		if b.done || b.digest == nil {
			continue
		}
		for pathID, whole := range b.copies {
			if whole.left > 0 {
				continue
			}
			sum := sha256.Sum256(whole.data)
			if !bytes.Equal(sum[:], b.digest) {
				c.rejected += len(whole.data)
				c.liars[pathID] = true
				delete(b.copies, pathID)
				continue
			}
			deliver(uint64(index)*uint64(c.start.BlockBytes), whole.data)
			b.done, b.copies = true, nil
			c.missing--
			c.checked++
			break
		}
	}
}

// lose forgets what a server was asked for, so that others are asked.
func (c *content) lose(pathID uint32) {
	for index := range c.blocks {
		b := &c.blocks[index]
		if !b.done && b.asked && b.from == pathID {
			b.asked = false
		}
		delete(b.copies, pathID)
	}
}

// plan asks the next blocks of a server, up to `blocksAhead` of them.
func (c *content) plan(pathID uint32) []int {
	owed := 0
	for index := range c.blocks {
		if b := &c.blocks[index]; b.asked && !b.done && b.from == pathID {
			owed++
		}
	}
	var next []int
	for index := 0; index < len(c.blocks) && owed < blocksAhead; index++ {
		b := &c.blocks[index]
		if b.asked {
			continue
		}
		b.asked, b.from = true, pathID
		next = append(next, index)
		owed++
	}
	return next
}
