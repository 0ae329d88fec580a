package io.quern.ode;

import io.quern.DType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The kernels that ship as PTX: fields of {@link OdeCatalogue} by the methods most used, a file a field. A field is
 * recognised by what it computes, whoever wrote it.
 *
 * <p>Not all fields are here: NVIDIA's compiler (cicc of CUDA 13.0) does not come to an end with the adaptive kernels of some,
 * HIRES among them; each operation added at the end of a step multiplies its time by 1.2 or so. An empty
 * {@code asm("" : "+d"(v))} behind every single value, selections and negations included, takes a kernel from endless to a
 * second; behind the arithmetic alone, or the selections alone, it does not help.
 */
final class CudaCatalogue {
    private static final Map<String, OdeField> FIELDS = fields();

    private static final List<Method> FIXED = List.of(Method.RUNGE_KUTTA_4);

    private static final List<Method> ADAPTIVE =
            List.of(Method.BOGACKI_SHAMPINE_3_2, Method.DORMAND_PRINCE_5_4, Method.TSITOURAS_5_4);

    private CudaCatalogue() {}

    private static Map<String, OdeField> fields() {
        Map<String, OdeField> fields = new LinkedHashMap<>();
        fields.put("ode_decay", OdeCatalogue.DECAY);
        fields.put("ode_harmonic", OdeCatalogue.HARMONIC);
        fields.put("ode_lorenz", OdeCatalogue.LORENZ);
        fields.put("ode_vanderpol", OdeCatalogue.VAN_DER_POL);
        fields.put("ode_kepler", OdeCatalogue.KEPLER);
        fields.put("ode_arenstorf", OdeCatalogue.ARENSTORF);
        fields.put("ode_freefall", OdeCatalogue.FREE_FALL);
        return fields;
    }

    /** {@return the PTX files, without architecture and ending} */
    static List<String> modules() {
        return List.copyOf(FIELDS.keySet());
    }

    /** {@return the PTX file that has a kernel; null where none has} */
    static String module(CudaSource kernel) {
        List<Method> methods = kernel.kind() == CudaSource.Kind.FIXED ? FIXED : ADAPTIVE;
        if (!methods.contains(kernel.ode().method())) {
            return null;
        }
        Program program = kernel.ode().field().program();
        return FIELDS.entrySet().stream()
                .filter(field -> field.getValue().program().equals(program))
                .map(Map.Entry::getKey)
                .findFirst()
                .orElse(null);
    }

    /** {@return what a PTX file has} */
    static List<CudaSource> kernels(String module) {
        List<CudaSource> kernels = new ArrayList<>();
        for (DType dtype : new DType[] {DType.FP64, DType.FP32}) {
            FIXED.forEach(method ->
                    kernels.add(new CudaSource(Ode.of(FIELDS.get(module), method), dtype, CudaSource.Kind.FIXED)));
            ADAPTIVE.forEach(method ->
                    kernels.add(new CudaSource(Ode.of(FIELDS.get(module), method), dtype, CudaSource.Kind.ADAPTIVE)));
        }
        return kernels;
    }

    /** {@return the source of a PTX file, in {@code cuda/ode/}} */
    static String file(String module) {
        return module.substring("ode_".length()) + ".cu";
    }

    /** {@return what {@link #file} says} */
    static String source(String module) {
        StringBuilder text = new StringBuilder();
        text.append("// Written by io.quern.ode.CudaSource, and held to it by CudaSourceTest, which also renews it.\n");
        text.append("// clang-format off\n");
        text.append("#include \"solve.cuh\"\n");
        for (CudaSource kernel : kernels(module)) {
            text.append('\n').append(kernel.text(kernel.symbol(module)));
        }
        return text.toString();
    }
}
