package io.quern.linear;

import io.quern.Device;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * {@link Lora} as products of matrices, one after the other, on whichever device multiplies. Those that take the same A are
 * neighbours: the CPU packs it once.
 */
final class LoraKernel {
    private LoraKernel() {}

    /**
     * The forward pass.
     *
     * @param gemm the device's products
     */
    record Forward(Kernel<Product> gemm) implements Kernel<LoraForward> {
        @Override
        public Launch bind(LoraForward p, Stream stream, Workspace workspace) {
            Scratch scratch = Scratch.in(workspace, stream);
            return scratch.launch(gemm, products(p, scratch));
        }

        @Override
        public long workspaceBytes(LoraForward p, Stream stream) {
            Scratch scratch = Scratch.imagined(stream);
            return scratch.bytesWith(gemm, products(p, scratch));
        }

        private static List<Product> products(LoraForward p, Scratch scratch) {
            Tensor projected = p.projected() != null ? p.projected() : scratch.projection(p.x(), p.lora());
            return List.of(
                    new Product(Gemm.PRODUCT, p.x(), p.a(), projected),
                    new Product(Gemm.PRODUCT, p.x(), p.weight(), p.out()),
                    new Product(Gemm.PRODUCT.alpha(p.lora().scale()).beta(1), projected, p.b(), p.out()));
        }
    }

    /**
     * The backward pass.
     *
     * @param gemm the device's products
     */
    record Backward(Kernel<Product> gemm) implements Kernel<LoraBackward> {
        @Override
        public Launch bind(LoraBackward p, Stream stream, Workspace workspace) {
            Scratch scratch = Scratch.in(workspace, stream);
            return scratch.launch(gemm, products(p, scratch));
        }

        @Override
        public long workspaceBytes(LoraBackward p, Stream stream) {
            Scratch scratch = Scratch.imagined(stream);
            return scratch.bytesWith(gemm, products(p, scratch));
        }

        private static List<Product> products(LoraBackward p, Scratch scratch) {
            Gemm scaled = Gemm.PRODUCT.alpha(p.lora().scale());
            List<Product> products = new ArrayList<>();
            Tensor gradient = null;
            if (p.projectsGradient()) {
                gradient = scratch.projection(p.x(), p.lora());
                products.add(new Product(Gemm.PRODUCT.transposeB(), p.outGradient(), p.b(), gradient));
            }
            if (p.xGradient() != null) {
                products.add(new Product(Gemm.PRODUCT.transposeB(), p.outGradient(), p.weight(), p.xGradient()));
                products.add(new Product(scaled.transposeB().beta(1), gradient, p.a(), p.xGradient()));
            }
            if (p.aGradient() != null) {
                products.add(new Product(scaled.transposeA(), p.x(), gradient, p.aGradient()));
            }
            if (p.bGradient() != null) {
                Tensor projected = p.projected();
                if (projected == null) {
                    projected = scratch.projection(p.x(), p.lora());
                    products.add(new Product(Gemm.PRODUCT, p.x(), p.a(), projected));
                }
                products.add(new Product(scaled.transposeA(), projected, p.outGradient(), p.bGradient()));
            }
            return products;
        }
    }

    /** Tensors in the head of a workspace, and behind them what one product after the other uses. */
    private static final class Scratch {
        /** Suits vectors and tensor cores. */
        private static final long ALIGNMENT = 256;

        private final Stream stream;
        private final Workspace workspace;
        private final long address;
        private long bytes;

        private Scratch(Stream stream, Workspace workspace, long address) {
            this.stream = stream;
            this.workspace = workspace;
            this.address = address;
        }

        static Scratch in(Workspace workspace, Stream stream) {
            return new Scratch(stream, workspace, (workspace.address() + ALIGNMENT - 1) & -ALIGNMENT);
        }

        /** Its tensors lie where no memory is: they have shapes for what only counts bytes. */
        static Scratch imagined(Stream stream) {
            return new Scratch(stream, null, ALIGNMENT);
        }

        /** {@return the next tensor, (tokens, rank)} */
        Tensor projection(Tensor x, Lora lora) {
            long[] shape = {x.size(0), lora.rank()};
            long at = address + bytes;
            long needed = shape[0] * shape[1] * x.dtype().bytes();
            bytes += (needed + ALIGNMENT - 1) & -ALIGNMENT;
            return stream.device() instanceof Device.Cuda cuda
                    ? Tensor.borrow(cuda, at, x.dtype(), shape)
                    : Tensor.borrow(MemorySegment.ofAddress(at).reinterpret(needed), x.dtype(), shape);
        }

        long bytesWith(Kernel<Product> gemm, List<Product> products) {
            long most = 0;
            for (Product product : products) {
                most = Math.max(most, gemm.workspaceBytes(product, stream));
            }
            return ALIGNMENT + bytes + most;
        }

        Launch launch(Kernel<Product> gemm, List<Product> products) {
            long used = address - workspace.address() + bytes;
            Workspace rest = workspace.part(used, workspace.bytes() - used);
            Launch[] launches = products.stream()
                    .map(product -> gemm.bind(product, stream, rest))
                    .toArray(Launch[]::new);
            for (int i = 1; i < launches.length; i++) {
                if (launches[i] instanceof GemmVector next && launches[i - 1] instanceof GemmVector before) {
                    next.follow(before);
                }
            }
            return () -> {
                for (Launch launch : launches) {
                    launch.run();
                }
            };
        }
    }
}
