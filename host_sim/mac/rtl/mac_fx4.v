// FixP4 weight: acc + x * w, w in -8 .. 7.
module mac_fx4 #(
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
    wire [X_BITS+3:0] p;
    multiply_fx4 #(.X_BITS(X_BITS), .X_SIGNED(X_SIGNED)) multiply (.x(x), .w(w), .p(p));
    accumulator #(.N(X_BITS + 4), .ACC_BITS(ACC_BITS), .CHAIN(CHAIN)) accumulate (
        .clk(clk), .start(start), .p(p), .negate(1'b0), .acc(acc)
    );
endmodule
