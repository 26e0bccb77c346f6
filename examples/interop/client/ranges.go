package main

import pb "kwik.example/interop/kwikv1"

// packetRanges are numbers of packets that came: ascending, disjoint, not adjacent, both ends included.
type packetRanges struct {
	ranges  []*pb.AckRange
	changed int
}

// add notes a number; false when it was there.
func (r *packetRanges) add(number uint64) bool {
	at := len(r.ranges)
	for at > 0 && r.ranges[at-1].First > number {
		at--
	}
	// Before `at` all ranges begin at or below the number.
	if at > 0 && r.ranges[at-1].Last >= number {
		return false
	}
	r.changed++
	joinsLeft := at > 0 && r.ranges[at-1].Last+1 == number
	joinsRight := at < len(r.ranges) && r.ranges[at].First == number+1
	switch {
	case joinsLeft && joinsRight:
		r.ranges[at-1].Last = r.ranges[at].Last
		r.ranges = append(r.ranges[:at], r.ranges[at+1:]...)
	case joinsLeft:
		r.ranges[at-1].Last = number
	case joinsRight:
		r.ranges[at].First = number
	default:
		r.ranges = append(r.ranges, nil)
		copy(r.ranges[at+1:], r.ranges[at:])
		r.ranges[at] = &pb.AckRange{First: number, Last: number}
	}
	return true
}

// newest gives up to `count` ranges, the highest first, as an AckFrame wants them.
func (r *packetRanges) newest(count int) []*pb.AckRange {
	var newest []*pb.AckRange
	for at := len(r.ranges) - 1; at >= 0 && len(newest) < count; at-- {
		newest = append(newest, &pb.AckRange{First: r.ranges[at].First, Last: r.ranges[at].Last})
	}
	return newest
}
