package io.quern.rope;

/** Which two channels of a head turn together. */
public enum Pairing {
    /** Channels 2k and 2k+1: RoFormer, GPT-J; "interleaved" in ONNX. */
    ADJACENT,
    /** Channels k and k + rotaryDim/2: GPT-NeoX, Llama in its published weights. */
    HALVES
}
