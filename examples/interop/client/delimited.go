package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "kwik.example/interop/kwikv1"
)

const (
	maxMessageBytes = 65536
	// Field 15, fixed32: the tag that stands before the checksum.
	checksumTag   = 0x7d
	checksumBytes = 5
)

// readDelimited reads one message behind its length, at most `limit` bytes of it.
func readDelimited(reader *bufio.Reader, limit uint64) ([]byte, error) {
	length, err := binary.ReadUvarint(reader)
	if err != nil {
		return nil, err
	}
	if length > limit {
		return nil, fmt.Errorf("a message of %d bytes, more than %d", length, limit)
	}
	message := make([]byte, length)
	_, err = io.ReadFull(reader, message)
	return message, err
}

// delimited puts the length before the message.
func delimited(message []byte) []byte {
	return append(protowire.AppendVarint(nil, uint64(len(message))), message...)
}

// encodePacket gives a packet as it goes on a stream: length, fields, checksum of the fields.
func encodePacket(packet *pb.Packet) ([]byte, error) {
	fields, err := proto.MarshalOptions{Deterministic: true}.Marshal(packet)
	if err != nil {
		return nil, err
	}
	if sum := crc32.ChecksumIEEE(fields); sum != 0 {
		fields = append(fields, checksumTag)
		fields = binary.LittleEndian.AppendUint32(fields, sum)
	}
	return delimited(fields), nil
}

// decodePacket checks the checksum before it looks at anything else.
func decodePacket(bytes []byte) (*pb.Packet, error) {
	body := len(bytes) - checksumBytes
	if body >= 0 && bytes[body] == checksumTag {
		sum := binary.LittleEndian.Uint32(bytes[body+1:])
		if sum == 0 || crc32.ChecksumIEEE(bytes[:body]) != sum {
			return nil, fmt.Errorf("the checksum of a packet does not match")
		}
	} else if crc32.ChecksumIEEE(bytes) != 0 {
		return nil, fmt.Errorf("a packet without its checksum")
	}
	packet := &pb.Packet{}
	if err := proto.Unmarshal(bytes, packet); err != nil {
		return nil, err
	}
	return packet, nil
}
