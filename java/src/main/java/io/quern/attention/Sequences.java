package io.quern.attention;

/** The sequences of a call as the run at hand finds them, and its parts: some panels of queries of one key head each. */
final class Sequences {
    private final Inputs inputs;
    private final int group;
    private final int keyHeads;
    private final int partRows;

    final int count;
    final int[] row; // the batch that holds a sequence in query, keys and values
    final int[] firstQuery;
    final int[] queries;
    final int[] firstKey;
    final int[] keys;
    private final int[] firstPart; // of each sequence, and one past the last part of all

    /**
     * Makes room for the sequences.
     *
     * @param partRows rows of the heads that share a key head, of a part
     */
    Sequences(Inputs inputs, int partRows) {
        this.inputs = inputs;
        this.partRows = partRows;
        keyHeads = (int) inputs.keys().size(1);
        group = keyHeads == 0 ? 0 : (int) inputs.heads() / keyHeads;
        count = (int) inputs.sequences();
        row = new int[count];
        firstQuery = new int[count];
        queries = new int[count];
        firstKey = new int[count];
        keys = new int[count];
        firstPart = new int[count + 1];
    }

    /** Reads lengths and starts as they are now. */
    void read() {
        for (int s = 0; s < count; s++) {
            // Not by way of a Sequence: C2 does not always see that it stays here, and then allocates it.
            row[s] = inputs.queryStarts() == null ? s : 0;
            firstQuery[s] = (int) inputs.firstQuery(s);
            queries[s] = (int) inputs.endOfQueries(s) - firstQuery[s];
            firstKey[s] = (int) inputs.firstKey(s);
            keys[s] = (int) inputs.endOfKeys(s) - firstKey[s];
            firstPart[s + 1] = firstPart[s] + partsPerHead(s) * keyHeads;
        }
    }

    private int partsPerHead(int sequence) {
        return Math.ceilDiv(group * queries[sequence], partRows);
    }

    int parts() {
        return firstPart[count];
    }

    /** {@return the sequence to which a part belongs: of those that begin with it, the last, as the others have none} */
    int sequence(int part) {
        int low = 0;
        int high = count;
        while (high - low > 1) {
            int middle = (low + high) >>> 1;
            if (firstPart[middle] <= part) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** {@return the key head of a part} */
    int keyHead(int part) {
        return (part - firstPart[sequence(part)]) % keyHeads;
    }

    /** {@return the first row of a part; the last rows come first, where a mask is causal they are the longest} */
    int firstRow(int part) {
        int sequence = sequence(part);
        return (partsPerHead(sequence) - 1 - (part - firstPart[sequence]) / keyHeads) * partRows;
    }
}
