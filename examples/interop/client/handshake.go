package main

import (
	"bytes"
	"crypto/hmac"
	"fmt"

	"google.golang.org/protobuf/proto"

	pb "kwik.example/interop/kwikv1"
)

const version = 1

// identity is the pre-shared key with which a session is opened.
type identity struct {
	name string
	key  []byte
}

// membership is what the client has of its session: what it needs to join further servers.
type membership struct {
	sessionID []byte
	secret    []byte
	limits    *pb.Limits
}

// openSession shakes hands with the primary.
func openSession(p *path, who identity) (*membership, error) {
	clientNonce, binding := nonce(), p.binding()
	hello := &pb.ClientHello{
		Versions:       []uint32{version},
		Capabilities:   []pb.Capability{pb.Capability_CAPABILITY_REPLICA},
		Limits:         &pb.Limits{},
		ClientNonce:    clientNonce,
		AuthMechanisms: []string{"psk"},
		AuthInitial:    []byte(who.name),
		Agent:          "kwik-interop-go/1",
		ChannelBinding: binding,
	}
	request := &pb.KcpMessage{Body: &pb.KcpMessage_ClientHello{ClientHello: hello}}
	var serverNonce []byte
	serverProved := false
	for {
		if _, err := p.send(request, 0); err != nil {
			return nil, err
		}
		answer, err := p.receive()
		if err != nil {
			return nil, err
		}
		if server := answer.GetServerHello(); server != nil {
			if !serverProved || !bytes.Equal(server.ServerNonce, serverNonce) {
				return nil, fmt.Errorf("a server that did not prove the key says hello")
			}
			if server.Version != version || len(server.SessionId) != 16 || len(server.SessionSecret) != 32 || server.PathId != 0 {
				return nil, fmt.Errorf("a hello that breaks the rules: %v", server)
			}
			p.sessionID = server.SessionId
			return &membership{server.SessionId, server.SessionSecret, server.Limits}, nil
		}
		challenge := answer.GetAuthChallenge()
		if challenge == nil {
			return nil, refusal(answer)
		}
		var response []byte
		switch {
		case serverNonce == nil && len(challenge.Data) == 0:
			serverNonce = challenge.ServerNonce
			response = pskProof("client", who.key, []byte(who.name), clientNonce, serverNonce, binding)
		case serverNonce != nil && !serverProved:
			expected := pskProof("server", who.key, []byte(who.name), clientNonce, serverNonce, binding)
			if !hmac.Equal(expected, challenge.Data) {
				return nil, fmt.Errorf("the server does not hold the key")
			}
			serverProved = true
		default:
			return nil, fmt.Errorf("a challenge out of order")
		}
		body := &pb.AuthResponse{Mechanism: "psk", Data: response}
		request = &pb.KcpMessage{Body: &pb.KcpMessage_AuthResponse{AuthResponse: body}}
	}
}

// join makes the connection a further path of the session, by the token that the primary signed.
func join(p *path, session *membership, command *pb.AddPath) (*pb.ServerHello, error) {
	envelope, token := &pb.SignedEnvelope{}, &pb.PathToken{}
	if err := proto.Unmarshal(command.Token, envelope); err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(envelope.Payload, token); err != nil {
		return nil, err
	}
	clientNonce, binding := nonce(), p.binding()
	key := possessionKey(session.secret, session.sessionID)
	proof := joinProof(key, session.sessionID, token.TokenId, clientNonce, token.Server, command.PathId, binding)
	hello := &pb.ClientHello{
		Versions:       []uint32{version},
		Capabilities:   []pb.Capability{pb.Capability_CAPABILITY_REPLICA},
		Limits:         &pb.Limits{},
		ClientNonce:    clientNonce,
		Join:           &pb.Join{SessionId: session.sessionID, Token: command.Token, Proof: proof, PathId: command.PathId},
		Agent:          "kwik-interop-go/1",
		ChannelBinding: binding,
	}
	if _, err := p.send(&pb.KcpMessage{Body: &pb.KcpMessage_ClientHello{ClientHello: hello}}, 0); err != nil {
		return nil, err
	}
	answer, err := p.receive()
	if err != nil {
		return nil, err
	}
	server := answer.GetServerHello()
	if server == nil {
		return nil, refusal(answer)
	}
	if server.Version != version || !bytes.Equal(server.SessionId, session.sessionID) || server.PathId != command.PathId {
		return nil, fmt.Errorf("a hello to another join: %v", server)
	}
	p.id, p.sessionID = command.PathId, session.sessionID
	return server, nil
}
