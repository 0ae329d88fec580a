package io.quern.ode;

import io.quern.DType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The kernels that ship as PTX: fields of {@link OdeCatalogue} by all methods, a file a field and type. A field is recognised
 * by what it computes, whoever wrote it.
 */
final class CudaCatalogue {
    private static final Map<String, OdeField> FIELDS = fields();

    private CudaCatalogue() {}

    private static Map<String, OdeField> fields() {
        Map<String, OdeField> fields = new LinkedHashMap<>();
        fields.put("decay", OdeCatalogue.DECAY);
        fields.put("harmonic", OdeCatalogue.HARMONIC);
        fields.put("lorenz", OdeCatalogue.LORENZ);
        fields.put("vanderpol", OdeCatalogue.VAN_DER_POL);
        fields.put("kepler", OdeCatalogue.KEPLER);
        fields.put("arenstorf", OdeCatalogue.ARENSTORF);
        fields.put("freefall", OdeCatalogue.FREE_FALL);
        fields.put("hires", OdeCatalogue.HIRES);
        fields.put("pleiades", OdeCatalogue.PLEIADES);
        return fields;
    }

    /** {@return the fields by what they are called in names of files and kernels} */
    static Map<String, OdeField> all() {
        return FIELDS;
    }

    /** {@return what a field is called; null where it has no kernels} */
    static String name(OdeField field) {
        Program program = field.program();
        return FIELDS.entrySet().stream()
                .filter(known -> known.getValue().program().equals(program))
                .map(Map.Entry::getKey)
                .findFirst()
                .orElse(null);
    }

    /** {@return the kernels of a field} */
    static List<CudaKernel> kernels(OdeField field) {
        List<CudaKernel> kernels = new ArrayList<>();
        for (DType dtype : new DType[] {DType.FP64, DType.FP32}) {
            for (Method method : Method.values()) {
                Ode ode = Ode.of(field, method);
                kernels.add(new CudaKernel(ode, dtype, CudaKernel.Kind.FIXED));
                if (method.adaptive()) {
                    kernels.add(new CudaKernel(ode, dtype, CudaKernel.Kind.ADAPTIVE));
                }
            }
        }
        return kernels;
    }
}
