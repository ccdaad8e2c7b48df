// Posit4 through the three rows of mac_mixed4.
module p4_digits #(
    parameter X_BITS   = 4,
    parameter X_SIGNED = 0,
    parameter ACC_BITS = 24,
    parameter CHAIN    = 1
) (
    input  wire                clk,
    input  wire                start,
    input  wire [3:0]          w,
    input  wire [X_BITS-1:0]   x,
    output wire [ACC_BITS-1:0] acc
);
    wire              sign;
    wire [4:0]        d;
    wire [X_BITS+4:0] p;
    decode_p4 decode (.w(w), .sign(sign), .d(d));
    multiply_digits #(.X_BITS(X_BITS), .X_SIGNED(X_SIGNED)) multiply (.x(x), .d(d), .p(p));
    accumulator #(.N(X_BITS + 5), .ACC_BITS(ACC_BITS), .CHAIN(CHAIN)) accumulate (
        .clk(clk), .start(start), .p(p), .negate(sign & |x), .acc(acc)
    );
endmodule
