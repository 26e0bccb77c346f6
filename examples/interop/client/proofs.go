package main

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"strings"

	"golang.org/x/crypto/hkdf"
)

// labelled is what is signed or authenticated: a label, a zero byte, and the parts, each behind its length.
func labelled(label string, parts ...[]byte) []byte {
	out := append([]byte(label), 0)
	for _, part := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return out
}

func hmacOf(key []byte, message []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(message)
	return mac.Sum(nil)
}

// pskProof is the proof of one side ("client" or "server") that it holds the pre-shared key.
func pskProof(side string, key, name, clientNonce, serverNonce, binding []byte) []byte {
	return hmacOf(key, labelled("kwik psk "+side+" v2", name, clientNonce, serverNonce, binding))
}

// possessionKey follows from the session's secret: whoever has it holds the session.
func possessionKey(secret, sessionID []byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(hkdf.New(sha256.New, secret, sessionID, []byte("kwik possession v1")), seed); err != nil {
		panic(err) // HKDF gives 32 bytes always
	}
	return ed25519.NewKeyFromSeed(seed)
}

// joinProof proves to a secondary, for this connection alone, that the joiner of a token holds the session.
func joinProof(key ed25519.PrivateKey, sessionID, tokenID, clientNonce []byte, audience string, path uint32, binding []byte) []byte {
	number := binary.BigEndian.AppendUint32(nil, path)
	lower := []byte(strings.ToLower(audience))
	return ed25519.Sign(key, labelled("kwik join v2", sessionID, tokenID, clientNonce, lower, number, binding))
}
