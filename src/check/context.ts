/** What all rules of one proof share. */

import type { Relation } from '../analysis/relation.ts';
import type { Facts } from '../analysis/shapes.ts';
import { hint, type Size } from '../analysis/size.ts';
import type { FlatNode } from '../onnx/graph.ts';
import type { Wish } from './caches.ts';
import { type Dim, flat, forgetMaps, indexMap, Kind, MOST_MAPPED, mappedDim } from './dim.ts';
import type { Correction, Growth } from './runs.ts';
import type { Scale } from './scale.ts';
import { type Scaled, startTerms, type Term, type Terms } from './term.ts';
import type { Value } from './value.ts';

export interface Context {
  readonly terms: Terms;
  /** Likely maps from an old size to a new one: those seen before, then old elements in front. */
  hints(old: number, size: number): readonly Dim[];
  /** Maps to a new size that were accepted before. */
  hintsTo(size: number): readonly Dim[];
  /** Remembers a map that was accepted. */
  hint(dim: Dim): void;
  /** Factors with which the old graph uses a term. */
  readonly uses: Map<string, Scale[]>;
  /** Views that the old graph takes of a value: sizes of reshapes and stretches, by the value's key. */
  readonly shapes: Map<string, (readonly Size[])[]>;
  /** Nodes of the old graph by what they read, for operators that are compared as a whole. */
  readonly fused: Map<string, OldNode[]>;
  /** What cache inputs of the new graph turned out to be, by name. */
  readonly wishes: Map<string, Wish>;
  /** Constants of the new graph whose infinite elements, if any, are old ones. */
  readonly finite: Set<Term>;
  /** Stored corrections of the new graph that follow from a width that grew. */
  readonly corrections: Correction[];
  /** Widths that are known to have grown. */
  growths(): readonly Growth[];
}

/** A node of the old graph with what its operands and results are. */
export interface OldNode {
  readonly node: FlatNode;
  readonly facts: Facts;
  readonly operands: readonly (Scaled | null)[];
  readonly outputs: readonly Value[];
}

/** One node under a rule. */
export interface Site {
  readonly ctx: Context;
  readonly node: FlatNode;
  readonly facts: Facts;
  readonly relation: Relation;
  /** True for nodes of the new graph. */
  readonly isNew: boolean;
  /** What the operands are; null for missing ones. */
  readonly operands: readonly (Value | null)[];
  /** Sizes of each result; null when not even the rank is known. */
  readonly sizes: readonly (readonly Size[] | null)[];
  /** Attributes as text, for operators that must have the same. */
  readonly attributes: string;
  /** The graph input that an operand is, with its dimensions in the order given; null for other operands. */
  inputBehind(operand: number): { readonly name: string; readonly order: readonly number[] } | null;
  /** True for an operand whose numbers are known for all inputs, and for one that is missing. */
  isCertain(operand: number): boolean;
  /** How the node is called in findings. */
  readonly where: string;
}

/** What a node's results are. */
export type Rule = (site: Site) => readonly Value[];

/** Starts a proof. */
export function startContext(): Context {
  forgetMaps();
  const known = new Map<string, Dim[]>();
  const slot = (old: number, size: number): string => `${old}→${size}`;
  return {
    terms: startTerms(),
    hints(old, size) {
      if (size > MOST_MAPPED) return [];
      const map = Int32Array.from({ length: size }, (_, i) => (i < old ? i : -1));
      const appended = mappedDim(
        indexMap(map, old),
        Uint8Array.from(map, (i) => (i < 0 ? Kind.ANY : Kind.OLD)),
      );
      return [...(known.get(slot(old, size)) ?? []), appended];
    },
    hintsTo: (size) => [...known].flatMap(([key, own]) => (key.endsWith(`→${size}`) ? own : [])),
    hint(dim) {
      const atom = flat(dim);
      if (atom?.map == null) return;
      const key = slot(atom.map.old, hint(atom.size));
      const list = known.get(key) ?? [];
      if (list.some((own) => own[0]?.map === atom.map)) return;
      known.set(key, [[{ ...atom, kinds: Uint8Array.from(atom.map.at, (i) => (i < 0 ? Kind.ANY : Kind.OLD)) }], ...list]);
    },
    uses: new Map(),
    shapes: new Map(),
    fused: new Map(),
    wishes: new Map(),
    finite: new Set(),
    corrections: [],
    growths: () => [...known.values()].flatMap(([dim]) => (dim?.[0]?.map == null ? [] : [{ old: dim[0].map.old, size: dim[0].map.at.length }])),
  };
}
