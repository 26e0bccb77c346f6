import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CompactRange } from './compact-range.js';
import { leafHash, type Hash } from './hashes.js';
import { consistencyProof, inclusionProof, merkleRoot, verifyConsistency, verifyInclusion } from './proofs.js';

/** The leaves and roots with which implementations of RFC 6962 check themselves. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const hex = (hash: Hash): string => Buffer.from(hash).toString('hex');
const treeOf = (size: number): Hash[] => Array.from({ length: size }, (_, index) => leafHash(Buffer.from(`${index}`)));

describe('roots', () => {
  test.each(ROOTS.map((root, size) => [size, root] as const))('of %i leaves are those of RFC 6962', (size, root) => {
    const leaves = LEAVES.slice(0, size).map((leaf) => leafHash(Buffer.from(leaf, 'hex')));
    expect(hex(merkleRoot(leaves))).toBe(root);
  });

  test('grow leaf by leaf as they are computed at once, and go on from a stored edge', () => {
    let range = CompactRange.empty();
    const leaves = treeOf(70);
    leaves.forEach((leaf, index) => {
      expect(hex(range.root())).toBe(hex(merkleRoot(leaves.slice(0, index))));
      range = CompactRange.from(range.size, range.edge);
      range.append(leaf);
    });
    expect(range.size).toBe(70);
  });

  test.each([
    [3, 1],
    [0, 1],
    [-1, 0],
    [1.5, 1],
  ])('an edge that no tree of %d leaves has is refused', (size, hashes) => {
    expect(() => CompactRange.from(size, treeOf(hashes))).toThrow('no edge');
  });
});

const sizes = fc.integer({ min: 1, max: 130 });

describe('proofs', () => {
  test('show each leaf to be in the tree, and no other leaf, place or tree', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), (size, at, elsewhere) => {
        const leaves = treeOf(size);
        const index = at % size;
        const proof = inclusionProof(leaves, index);
        const claim = { leaf: leaves[index]!, index, size, root: merkleRoot(leaves) };
        expect(verifyInclusion(claim, proof)).toBe(true);
        expect(verifyInclusion({ ...claim, leaf: leafHash(Buffer.from('other')) }, proof)).toBe(false);
        expect(verifyInclusion({ ...claim, root: leafHash(Buffer.from('other')) }, proof)).toBe(false);
        expect(verifyInclusion(claim, [...proof, claim.root])).toBe(false);
        if (proof.length > 0) expect(verifyInclusion(claim, proof.slice(1))).toBe(false);
        const other = elsewhere % size;
        if (other !== index) expect(verifyInclusion({ ...claim, index: other }, proof)).toBe(false);
      }),
    );
  });

  test('show a tree to be the beginning of a later one, and no other', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), (size, some, edited) => {
        const leaves = treeOf(size);
        const before = 1 + (some % size);
        const proof = consistencyProof(leaves, before);
        const claim = { before, beforeRoot: merkleRoot(leaves.slice(0, before)), size, root: merkleRoot(leaves) };
        expect(verifyConsistency(claim, proof)).toBe(true);
        const forged = leaves.map((leaf, index) => (index === edited % before ? leafHash(leaf) : leaf));
        expect(verifyConsistency({ ...claim, beforeRoot: merkleRoot(forged.slice(0, before)) }, proof)).toBe(false);
        const forked = { ...claim, root: merkleRoot(forged) };
        expect(verifyConsistency(forked, consistencyProof(forged, before))).toBe(false);
        expect(verifyConsistency(claim, [...proof, claim.root])).toBe(false);
      }),
    );
  });

  test('of what is not there are refused', () => {
    expect(() => inclusionProof(treeOf(3), 3)).toThrow('no leaf 3');
    expect(() => consistencyProof(treeOf(3), 4)).toThrow('no tree of 4');
    expect(verifyInclusion({ leaf: leafHash(Buffer.of()), index: -1, size: 1, root: leafHash(Buffer.of()) }, [])).toBe(
      false,
    );
  });
});
