// Posit4 weight, fixed-point activation and accumulator: acc + x * w, w in quarters of posit<4,0>.
// A product of 0 is not negated: half of all activations are 0, and then nothing moves.
// SCALE_SHIFT names the variant: 0 posit4, 2 posit4sc4 (levels / 4), 3 posit4sc8 (/ 8). It says where the binary point
// of acc lies, and no gate depends on it.
module mac_p4 #(
    parameter X_BITS      = 4,
    parameter X_SIGNED    = 0,
    parameter ACC_BITS    = 24,
    parameter CHAIN       = 1,
    parameter SCALE_SHIFT = 0
) (
    input  wire                clk,
    input  wire                start,
    input  wire [3:0]          w,
    input  wire [X_BITS-1:0]   x,
    output wire [ACC_BITS-1:0] acc
);
    localparam FRACTION_BITS = 2 + SCALE_SHIFT;  // of acc, besides those of x: the shift of the codebook, SPEC.md 2
    wire              sign;
    wire [4:0]        d;
    wire [X_BITS+4:0] p;
    decode_p4 decode (.w(w), .sign(sign), .d(d));
    multiply_posit #(.X_BITS(X_BITS), .X_SIGNED(X_SIGNED)) multiply (.x(x), .d(d), .p(p));
    accumulator #(.N(X_BITS + 5), .ACC_BITS(ACC_BITS), .CHAIN(CHAIN)) accumulate (
        .clk(clk), .start(start), .p(p), .negate(sign & |x), .acc(acc)
    );
endmodule
