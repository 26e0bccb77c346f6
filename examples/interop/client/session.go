package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/lucas-clemente/quic-go"

	pb "kwik.example/interop/kwikv1"
)

const (
	maxPacketBytes = 65536
	// Bits of StreamFrame.flags.
	flagFin, flagRange = uint32(pb.FrameFlag_FRAME_FLAG_FIN), uint32(pb.FrameFlag_FRAME_FLAG_RANGE)
	// What zero means in the Limits of our hello.
	streamWindowBytes, pathWindowBytes = uint64(1 << 20), uint64(4 << 20)
	ackEvery                           = 16
	ackDelay                           = 10 * time.Millisecond
	// The first bidirectional stream of a client.
	streamID = uint64(0)
	// Compressed, encrypted: never offered, so never to come.
	unsupportedFlags = uint32(pb.FrameFlag_FRAME_FLAG_COMPRESSED | pb.FrameFlag_FRAME_FLAG_ENCRYPTED)
)

// event is what happened on a path; the session handles one after the other.
type event struct {
	path    *path
	control *pb.KcpMessage
	packet  *pb.Packet
	// The path was lost, or could not be had.
	err error
	// A new path, for the AddPath with this id.
	joined    *pb.ServerHello
	addPath   *pb.AddPath
	addPathID uint64
}

type session struct {
	member      *membership
	authorities *x509.CertPool
	paths       map[uint32]*path
	primary     *path
	events      chan event
	content     *content
	stream      *assembler
	streamMax   uint64
	// Range bytes that came before the ContentStart that they belong to.
	early  []earlyRange
	report report
}

type earlyRange struct {
	path   *path
	offset uint64
	data   []byte
}

func newSession(primary *path, member *membership, authorities *x509.CertPool) *session {
	return &session{
		member: member, authorities: authorities, primary: primary,
		paths: map[uint32]*path{0: primary}, events: make(chan event, 1024),
		stream: newAssembler(), streamMax: streamWindowBytes,
	}
}

// fetch asks the primary with a request, and reads the answer to its end.
func (s *session) fetch(ctx context.Context, request string) error {
	s.listen(ctx, s.primary)
	opened := &pb.StreamOpened{StreamId: streamID, Priority: 3, Opening: 1}
	if _, err := s.primary.send(&pb.KcpMessage{Body: &pb.KcpMessage_StreamOpened{StreamOpened: opened}}, 0); err != nil {
		return err
	}
	ask := &pb.StreamFrame{StreamId: streamID, Flags: flagFin, Data: []byte(request)}
	if err := s.primary.sendFrames(pb.PacketType_PACKET_TYPE_DATA, &pb.Frame{Body: &pb.Frame_Stream{Stream: ask}}); err != nil {
		return err
	}
	ticks := time.NewTicker(ackDelay)
	defer ticks.Stop()
	for !s.stream.complete() {
		var err error
		select {
		case <-ctx.Done():
			return fmt.Errorf("at byte %d of the stream: %w", s.stream.readOffset, ctx.Err())
		case <-ticks.C:
			err = s.acknowledgeAll(1)
		case happened := <-s.events:
			err = s.handle(ctx, happened)
		}
		if err == nil {
			err = s.advance()
		}
		if err != nil {
			return err
		}
	}
	return s.acknowledgeAll(1)
}

// listen reads the control stream and the packets of a path; it ends with the path.
func (s *session) listen(ctx context.Context, p *path) {
	go func() {
		for {
			message, err := p.receive()
			if !s.tell(ctx, event{path: p, control: message, err: err}) || err != nil {
				return
			}
		}
	}()
	go func() {
		for {
			stream, err := p.connection.AcceptUniStream(ctx)
			if err != nil {
				s.tell(ctx, event{path: p, err: err})
				return
			}
			go s.readPackets(ctx, p, stream)
		}
	}()
}

func (s *session) readPackets(ctx context.Context, p *path, stream quic.ReceiveStream) {
	reader := bufio.NewReader(stream)
	for {
		bytes, err := readDelimited(reader, maxPacketBytes)
		if err != nil {
			return // the server ended this real stream, or the path is lost, which others tell
		}
		packet, err := decodePacket(bytes)
		if !s.tell(ctx, event{path: p, packet: packet, err: err}) || err != nil {
			return
		}
	}
}

func (s *session) tell(ctx context.Context, happened event) bool {
	select {
	case s.events <- happened:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *session) handle(ctx context.Context, happened event) error {
	switch {
	case happened.addPath != nil:
		return s.pathJoined(ctx, happened)
	case happened.err != nil:
		return s.pathLost(happened.path, happened.err)
	case happened.control != nil:
		return s.handleControl(ctx, happened.path, happened.control)
	case happened.packet != nil:
		return s.handlePacket(happened.path, happened.packet)
	}
	return nil
}

func (s *session) handleControl(ctx context.Context, p *path, message *pb.KcpMessage) error {
	id := message.Header.GetId()
	if p != s.primary {
		switch body := message.Body.(type) {
		case *pb.KcpMessage_Ping, *pb.KcpMessage_Pong, *pb.KcpMessage_RangeRefused, *pb.KcpMessage_Close, *pb.KcpMessage_Error:
		default:
			return s.pathLost(p, fmt.Errorf("a secondary may not send %T", body))
		}
	}
	switch body := message.Body.(type) {
	case *pb.KcpMessage_Ping:
		pong := &pb.Pong{Sequence: body.Ping.Sequence}
		_, err := p.send(&pb.KcpMessage{Body: &pb.KcpMessage_Pong{Pong: pong}}, id)
		return err
	case *pb.KcpMessage_AddPath:
		go s.join(ctx, body.AddPath, id)
	case *pb.KcpMessage_ContentStart:
		s.startContent(body.ContentStart)
	case *pb.KcpMessage_ContentDigests:
		if s.content != nil && body.ContentDigests.StreamId == streamID {
			s.content.takeDigests(body.ContentDigests)
		}
	case *pb.KcpMessage_ContentEnd:
		if !body.ContentEnd.Complete {
			return fmt.Errorf("the primary gave the content up: %v", body.ContentEnd.Error)
		}
	case *pb.KcpMessage_RangeRefused:
		s.report.Refused = append(s.report.Refused, body.RangeRefused.Error.GetReason())
		p.alive = false
		s.loseContentOf(p)
	case *pb.KcpMessage_Close:
		if p == s.primary {
			return fmt.Errorf("the primary closed the session: 0x%02x %s", body.Close.Code, body.Close.Reason)
		}
		return s.pathLost(p, fmt.Errorf("closed: %s", body.Close.Reason))
	case *pb.KcpMessage_Error:
		return fmt.Errorf("the server of path %d: %s", p.id, body.Error.Reason)
	}
	return nil
}

// join dials a further server and shakes hands, beside everything else.
func (s *session) join(ctx context.Context, command *pb.AddPath, id uint64) {
	limit := time.Duration(command.TimeoutMs) * time.Millisecond
	if limit == 0 {
		limit = 10 * time.Second
	}
	attempt, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := event{addPath: command, addPathID: id}
	done.path, done.err = dial(attempt, command.Address, s.authorities)
	if done.err == nil {
		done.joined, done.err = join(done.path, s.member, command)
	}
	s.tell(ctx, done)
}

func (s *session) pathJoined(ctx context.Context, happened event) error {
	result := &pb.AddPathResult{PathId: happened.addPath.PathId, Accepted: happened.err == nil}
	if happened.err == nil {
		result.ServerId, result.Capabilities = happened.joined.ServerId, happened.joined.Capabilities
		s.paths[happened.path.id] = happened.path
		s.listen(ctx, happened.path)
	} else {
		// ERR_KWIK_CONNECT_FAILED
		result.Error = &pb.ErrorDetail{Code: 0x33, Scope: pb.ErrorScope_ERROR_SCOPE_PATH, Reason: "the server cannot be joined"}
		s.report.Refused = append(s.report.Refused, happened.err.Error())
	}
	_, err := s.primary.send(&pb.KcpMessage{Body: &pb.KcpMessage_AddPathResult{AddPathResult: result}}, happened.addPathID)
	return err
}

// pathLost goes on without a secondary; without the primary this client gives up.
func (s *session) pathLost(p *path, cause error) error {
	if p == s.primary {
		return fmt.Errorf("the primary is lost: %w", cause)
	}
	if !p.alive {
		return nil
	}
	p.alive = false
	s.loseContentOf(p)
	status := &pb.PathStatus{PathId: p.id, State: pb.PathState_PATH_STATE_DEAD, Reason: "lost"}
	_, err := s.primary.send(&pb.KcpMessage{Body: &pb.KcpMessage_PathStatus{PathStatus: status}}, 0)
	return err
}

func (s *session) loseContentOf(p *path) {
	if s.content != nil {
		s.content.lose(p.id)
	}
}

func (s *session) acknowledgeAll(least int) error {
	for _, p := range s.paths {
		if !p.alive || p.received.changed < least {
			continue
		}
		p.received.changed = 0
		if err := p.acknowledge(); err != nil {
			if err := s.pathLost(p, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// end says goodbye to all servers.
func (s *session) end() {
	for _, p := range s.paths {
		p.send(&pb.KcpMessage{Body: &pb.KcpMessage_Close{Close: &pb.Close{Reason: "done"}}}, 0)
	}
	// CONNECTION_CLOSE may overtake what is still on the way: the servers close first, or this is late enough.
	time.Sleep(100 * time.Millisecond)
	for _, p := range s.paths {
		p.connection.CloseWithError(0, "done")
	}
}
