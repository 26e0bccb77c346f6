package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/lucas-clemente/quic-go"
	"google.golang.org/protobuf/proto"

	pb "kwik.example/interop/kwikv1"
)

// path is one QUIC connection to one server: its control stream, its packet numbers, what is to be acknowledged.
type path struct {
	id         uint32
	address    string
	connection quic.Connection
	control    quic.Stream
	reader     *bufio.Reader
	sessionID  []byte
	nextID     uint64

	data         quic.SendStream
	packetNumber uint64
	received     packetRanges
	grantShown   bool
	consumed     uint64
	announced    uint64
	alive        bool
	bytes        int
}

// dial opens the connection and its control stream.
func dial(ctx context.Context, address string, authorities *x509.CertPool) (*path, error) {
	tlsConfig := &tls.Config{RootCAs: authorities, NextProtos: []string{"kwik/1"}, MinVersion: tls.VersionTLS13}
	config := &quic.Config{MaxIdleTimeout: 30 * time.Second, KeepAlivePeriod: 3 * time.Second, MaxIncomingUniStreams: 64}
	connection, err := quic.DialAddrContext(ctx, address, tlsConfig, config)
	if err != nil {
		return nil, err
	}
	control, err := connection.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	return &path{address: address, connection: connection, control: control, reader: bufio.NewReader(control), alive: true, announced: pathWindowBytes}, nil
}

// binding names the certificate that the server showed on this connection.
func (p *path) binding() []byte {
	leaf := p.connection.ConnectionState().TLS.PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	return sum[:]
}

// send sends a control message; `inReplyTo` is 0 for one that answers nothing. It returns the message's id.
func (p *path) send(message *pb.KcpMessage, inReplyTo uint64) (uint64, error) {
	p.nextID++
	message.Header = &pb.MessageHeader{Id: p.nextID, InReplyTo: inReplyTo, SessionId: p.sessionID}
	bytes, err := proto.Marshal(message)
	if err != nil {
		return 0, err
	}
	_, err = p.control.Write(delimited(bytes))
	return p.nextID, err
}

func (p *path) receive() (*pb.KcpMessage, error) {
	bytes, err := readDelimited(p.reader, maxMessageBytes)
	if err != nil {
		return nil, err
	}
	message := &pb.KcpMessage{}
	return message, proto.Unmarshal(bytes, message)
}

// sendFrames sends frames in one packet on this path's only real stream of ours.
func (p *path) sendFrames(kind pb.PacketType, frames ...*pb.Frame) error {
	if p.data == nil {
		stream, err := p.connection.OpenUniStream()
		if err != nil {
			return err
		}
		p.data = stream
	}
	bytes, err := encodePacket(&pb.Packet{PacketNumber: p.packetNumber, Type: kind, Frames: frames})
	if err != nil {
		return err
	}
	p.packetNumber++
	_, err = p.data.Write(bytes)
	return err
}

// acknowledge names all packets that came, the newest ranges first.
func (p *path) acknowledge() error {
	ranges := p.received.newest(64)
	if len(ranges) == 0 {
		return nil
	}
	ack := &pb.AckFrame{PathId: p.id, Ranges: ranges}
	return p.sendFrames(pb.PacketType_PACKET_TYPE_ACKNOWLEDGEMENT, &pb.Frame{Body: &pb.Frame_Ack{Ack: ack}})
}

func nonce() []byte {
	bytes := make([]byte, 32)
	if _, err := rand.Read(bytes); err != nil {
		panic(err)
	}
	return bytes
}

func refusal(message *pb.KcpMessage) error {
	if detail := message.GetError(); detail != nil {
		return fmt.Errorf("refused with 0x%02x: %s", detail.Code, detail.Reason)
	}
	return fmt.Errorf("an answer of the wrong kind: %v", message)
}
