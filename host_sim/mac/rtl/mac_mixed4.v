// FixP4 (posit = 0) or Posit4 (posit = 1) weight through one datapath: the formats differ in the decoder alone, which
// turns either into a sign and digits. A product of 0 is not negated: half of all activations are 0, and then nothing
// moves.
module mac_mixed4 #(
    parameter X_BITS   = 4,
    parameter X_SIGNED = 0,
    parameter ACC_BITS = 24,
    parameter CHAIN    = 1
) (
    input  wire                clk,
    input  wire                start,
    input  wire                posit,
    input  wire [3:0]          w,
    input  wire [X_BITS-1:0]   x,
    output wire [ACC_BITS-1:0] acc
);
    wire              sign;
    wire [4:0]        d;
    wire [X_BITS+4:0] p;
    decode_mixed4 decode (.w(w), .posit(posit), .sign(sign), .d(d));
    multiply_digits #(.X_BITS(X_BITS), .X_SIGNED(X_SIGNED)) multiply (.x(x), .d(d), .p(p));
    accumulator #(.N(X_BITS + 5), .ACC_BITS(ACC_BITS), .CHAIN(CHAIN)) accumulate (
        .clk(clk), .start(start), .p(p), .negate(sign & |x), .acc(acc)
    );
endmodule
