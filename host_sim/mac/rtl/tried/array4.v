// Posit4, or with MIXED either format, through the rows of mac_fx4. A posit's negative codes are two's complement
// already, or nearly: -6 .. -1 and -8 fit four bits. Only 8 and +-16 do not; there the last row counts positive
// (`plus`), or twice. So nothing is negated; but every row, and the decoder before it, stirs at each weight.
module array4 #(
    parameter X_BITS   = 4,
    parameter X_SIGNED = 0,
    parameter ACC_BITS = 24,
    parameter CHAIN    = 1,
    parameter MIXED    = 1
) (
    input  wire                clk,
    input  wire                start,
    input  wire                posit,
    input  wire [3:0]          w,
    input  wire [X_BITS-1:0]   x,
    output wire [ACC_BITS-1:0] acc
);
    localparam X = X_BITS;
    wire       m    = MIXED ? posit : 1'b1;
    wire       same = ~(w[3] ^ w[2]);
    wire       plus = m & ~w[3] & w[2] & w[1];  // 8 and 16
    wire [4:0] d;
    assign d[0] = w[0] & (~m | same);
    assign d[1] = (~m | same) ? w[1] : w[0] & ~(w[1] ^ w[3]);
    assign d[2] = w[2] & (~m | w[3] | ~w[1]);
    assign d[3] = m ? (w[3] & (w[2] | w[1])) | (plus & ~w[0]) : w[3];
    assign d[4] = m & w[0] & ((~w[3] & w[2] & w[1]) | (w[3] & ~w[2] & ~w[1]));

    wire [X:0]   wide = {X_SIGNED ? x[X-1] : 1'b0, x};
    wire [X:0]   row0 = wide & {X + 1{d[0]}};
    wire [X:0]   row1 = wide & {X + 1{d[1]}};
    wire [X:0]   row2 = wide & {X + 1{d[2]}};
    wire [X+1:0] row3 = (({wide[X], wide} & {X + 2{d[3]}}) | ({wide, 1'b0} & {X + 2{d[4]}})) ^ {X + 2{~plus}};
    wire [X:0]   s1;
    wire [X:0]   s2;
    wire [X+1:0] s3;
    ripple_adder #(.N(X + 1), .CARRY(0)) add1 (.a({row0[X], row0[X:1]}), .b(row1), .ci(1'b0), .s(s1), .co());
    wire sign1 = X_SIGNED ? s1[X] : 1'b0;
    ripple_adder #(.N(X + 1), .CARRY(0)) add2 (.a({sign1, s1[X:1]}), .b(row2), .ci(1'b0), .s(s2), .co());
    wire sign2 = X_SIGNED ? s2[X] : 1'b0;
    ripple_adder #(.N(X + 2), .CARRY(0)) add3 (.a({{2{sign2}}, s2[X:1]}), .b(row3), .ci(~plus), .s(s3), .co());
    accumulator #(.N(X + 5), .ACC_BITS(ACC_BITS), .CHAIN(CHAIN)) accumulate (
        .clk(clk), .start(start), .p({s3, s2[0], s1[0], row0[0]}), .negate(1'b0), .acc(acc)
    );
endmodule
