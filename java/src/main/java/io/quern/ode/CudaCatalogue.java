package io.quern.ode;

import io.quern.DType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The kernels that ship as PTX: fields of {@link OdeCatalogue} by all methods, and some with their events. A field is recognised
 * by what it computes, whoever wrote it; so are events.
 */
final class CudaCatalogue {
    private static final Map<String, Known> ALL = all(
            Map.entry("decay", Known.of(OdeCatalogue.DECAY)),
            Map.entry("harmonic", Known.of(OdeCatalogue.HARMONIC)),
            Map.entry("lorenz", Known.of(OdeCatalogue.LORENZ)),
            Map.entry("vanderpol", Known.of(OdeCatalogue.VAN_DER_POL)),
            Map.entry("kepler", Known.of(OdeCatalogue.KEPLER)),
            Map.entry("arenstorf", Known.of(OdeCatalogue.ARENSTORF)),
            Map.entry(
                    "bouncingball",
                    new Known(
                            OdeCatalogue.BOUNCING_BALL,
                            List.of(OdeCatalogue.IMPACT),
                            List.of(CudaKernel.Part.values()))),
            Map.entry("hires", Known.of(OdeCatalogue.HIRES)),
            Map.entry("pleiades", Known.of(OdeCatalogue.PLEIADES)),
            Map.entry("hotwater", hotWater()));

    private CudaCatalogue() {}

    /**
     * What there are kernels of.
     *
     * @param events of the kernels that watch
     * @param parts which kernels there are
     */
    record Known(OdeField field, List<OdeEvent> events, List<CudaKernel.Part> parts) {
        static Known of(OdeField field) {
            return new Known(field, List.of(), List.of(CudaKernel.Part.SOLVE, CudaKernel.Part.SAVE));
        }

        /** {@return them all} */
        List<CudaKernel> kernels() {
            List<CudaKernel> kernels = new ArrayList<>();
            for (DType dtype : new DType[] {DType.FP64, DType.FP32}) {
                for (CudaKernel.Kind kind : CudaKernel.Kind.values()) {
                    for (Method method : Method.values()) {
                        if (parts.contains(kind.part()) && (method.adaptive() || !kind.adaptive())) {
                            kernels.add(kernel(method, dtype, kind));
                        }
                    }
                }
            }
            return kernels;
        }

        private CudaKernel kernel(Method method, DType dtype, CudaKernel.Kind kind) {
            return new CudaKernel(
                    Ode.of(field, method), kind.part() == CudaKernel.Part.WATCH ? events : List.of(), dtype, kind);
        }

        private boolean has(CudaKernel kernel, Program program) {
            return parts.contains(kernel.kind().part())
                    && field.program().equals(program)
                    && (kernel.kind().part() != CudaKernel.Part.WATCH || sameEvents(kernel.events()));
        }

        private boolean sameEvents(List<OdeEvent> others) {
            boolean same = others.size() == events.size();
            for (int e = 0; same && e < events.size(); e++) {
                same = events.get(e).computesAs(others.get(e));
            }
            return same;
        }
    }

    @SafeVarargs
    private static Map<String, Known> all(Map.Entry<String, Known>... entries) {
        Map<String, Known> all = new LinkedHashMap<>();
        for (Map.Entry<String, Known> entry : entries) {
            all.put(entry.getKey(), entry.getValue());
        }
        return all;
    }

    /** Without its events nothing in it moves. */
    private static Known hotWater() {
        HotWaterLoop loop = new HotWaterLoop(4, 3);
        OdeField field = loop.field();
        return new Known(field, List.of(loop.events(field)), List.of(CudaKernel.Part.WATCH));
    }

    /** {@return what there is, by what it is called in names of files and kernels} */
    static Map<String, Known> all() {
        return ALL;
    }

    /** {@return what the field of a kernel is called; null where there is no such kernel} */
    static String name(CudaKernel kernel) {
        Program program = kernel.ode().field().program();
        return ALL.entrySet().stream()
                .filter(known -> known.getValue().has(kernel, program))
                .map(Map.Entry::getKey)
                .findFirst()
                .orElse(null);
    }
}
