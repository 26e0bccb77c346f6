package main

import (
	"fmt"

	pb "kwik.example/interop/kwikv1"
)

func (s *session) handlePacket(p *path, packet *pb.Packet) error {
	if !p.alive || !p.received.add(packet.PacketNumber) {
		return nil // it came before: its frames have been handled
	}
	if packet.Compression != nil {
		return s.pathLost(p, fmt.Errorf("a compressed packet, which this client never offered"))
	}
	for _, frame := range packet.Frames {
		if err := s.handleFrame(p, frame); err != nil {
			return err
		}
	}
	if p.received.changed >= ackEvery {
		return s.acknowledgeAll(ackEvery)
	}
	return nil
}

func (s *session) handleFrame(p *path, frame *pb.Frame) error {
	switch body := frame.Body.(type) {
	case *pb.Frame_Stream:
		return s.handleStream(p, body.Stream)
	case *pb.Frame_Ping:
		if body.Ping.Reply {
			return nil
		}
		reply := &pb.PingFrame{Sequence: body.Ping.Sequence, Reply: true}
		return p.sendFrames(pb.PacketType_PACKET_TYPE_CONTROL, &pb.Frame{Body: &pb.Frame_Ping{Ping: reply}})
	case *pb.Frame_ResetStream:
		if p == s.primary {
			return fmt.Errorf("the stream was reset with code %d", body.ResetStream.Code)
		}
		return s.pathLost(p, fmt.Errorf("a secondary reset a stream"))
	case *pb.Frame_Ack, *pb.Frame_WindowUpdate, *pb.Frame_MaxStreams, *pb.Frame_Blocked, *pb.Frame_StopSending:
		return nil // this client sends little, and tells of its windows by itself
	default:
		return s.pathLost(p, fmt.Errorf("a frame that servers do not send: %T", body))
	}
}

func (s *session) handleStream(p *path, frame *pb.StreamFrame) error {
	if frame.Flags&unsupportedFlags != 0 || frame.StreamId != streamID {
		return s.pathLost(p, fmt.Errorf("a stream frame that this client did not ask for"))
	}
	p.bytes += len(frame.Data)
	if frame.Flags&flagRange != 0 {
		s.takeRange(p, frame)
		return nil
	}
	if p != s.primary {
		return s.pathLost(p, fmt.Errorf("a secondary writes where nothing was granted to it"))
	}
	s.stream.take(frame.Offset, frame.Data)
	if frame.Flags&flagFin != 0 {
		s.stream.end(frame.Offset + uint64(len(frame.Data)))
	}
	p.consumed += uint64(len(frame.Data))
	return s.giveCredit(p)
}

func (s *session) takeRange(p *path, frame *pb.StreamFrame) {
	if s.content == nil {
		s.early = append(s.early, earlyRange{p, frame.Offset, frame.Data})
		return
	}
	if frame.Offset >= s.content.start.BaseOffset {
		s.content.take(p.id, frame.Offset-s.content.start.BaseOffset, frame.Data)
	}
}

// giveCredit lets the path carry as many bytes again, when it is worth a frame.
func (s *session) giveCredit(p *path) error {
	limit := p.consumed + pathWindowBytes
	if limit < p.announced+pathWindowBytes/4 {
		return nil
	}
	p.announced = limit
	update := &pb.WindowUpdateFrame{MaxOffset: limit}
	return p.sendFrames(pb.PacketType_PACKET_TYPE_CONTROL, &pb.Frame{Body: &pb.Frame_WindowUpdate{WindowUpdate: update}})
}

func (s *session) startContent(start *pb.ContentStart) {
	if s.content != nil {
		return // said again after a path was lost
	}
	s.content = newContent(start)
	for _, piece := range s.early {
		if piece.offset >= start.BaseOffset {
			s.content.take(piece.path.id, piece.offset-start.BaseOffset, piece.data)
		}
	}
	s.early = nil
}

// advance delivers what is verified, asks for what is missing, and moves the stream's window.
func (s *session) advance() error {
	if s.content != nil {
		if err := s.advanceContent(); err != nil {
			return err
		}
	}
	limit := s.stream.readOffset + streamWindowBytes
	if limit < s.streamMax+streamWindowBytes/2 {
		return nil
	}
	s.streamMax = limit
	id := streamID
	update := &pb.WindowUpdateFrame{StreamId: &id, MaxOffset: limit}
	return s.primary.sendFrames(pb.PacketType_PACKET_TYPE_CONTROL, &pb.Frame{Body: &pb.Frame_WindowUpdate{WindowUpdate: update}})
}

func (s *session) advanceContent() error {
	before := s.content.missing
	s.content.verify(func(offset uint64, data []byte) { s.stream.take(s.content.start.BaseOffset+offset, data) })
	for pathID := range s.content.liars {
		delete(s.content.liars, pathID)
		if err := s.punish(pathID); err != nil {
			return err
		}
	}
	if s.content.missing == 0 {
		if before == 0 {
			return nil
		}
		end := &pb.ContentEnd{StreamId: streamID, Complete: true}
		for _, p := range s.paths {
			if p != s.primary && !p.grantShown || !p.alive {
				continue
			}
			if _, err := p.send(&pb.KcpMessage{Body: &pb.KcpMessage_ContentEnd{ContentEnd: end}}, 0); err != nil {
				return err
			}
		}
		return nil
	}
	for _, p := range s.paths {
		if !p.alive {
			continue
		}
		if err := s.request(p, s.content.plan(p.id)); err != nil {
			return s.pathLost(p, err)
		}
	}
	return nil
}

func (s *session) request(p *path, blocks []int) error {
	for _, index := range blocks {
		start := s.content.start
		ask := &pb.RangeRequest{
			StreamId: streamID, RequestId: uint64(index), Offset: uint64(index) * uint64(start.BlockBytes),
			Length: uint32(s.content.blockLength(index)), BaseOffset: start.BaseOffset,
		}
		if p != s.primary && !p.grantShown {
			ask.Grant, p.grantShown = start.Grant, true
		}
		if _, err := p.send(&pb.KcpMessage{Body: &pb.KcpMessage_RangeRequest{RangeRequest: ask}}, 0); err != nil {
			return err
		}
	}
	return nil
}

// punish uses a server no more that sent a block that does not match the primary's digest, and tells the primary.
func (s *session) punish(pathID uint32) error {
	p := s.paths[pathID]
	if p == s.primary {
		return fmt.Errorf("the primary contradicts its own digests")
	}
	s.report.Untrusted = append(s.report.Untrusted, p.address)
	told := &pb.ServerUntrusted{PathId: pathID, StreamId: streamID, Reason: "a block does not match its digest"}
	if _, err := s.primary.send(&pb.KcpMessage{Body: &pb.KcpMessage_ServerUntrusted{ServerUntrusted: told}}, 0); err != nil {
		return err
	}
	p.alive = false
	s.loseContentOf(p)
	return p.connection.CloseWithError(0x53, "a block does not match its digest")
}
