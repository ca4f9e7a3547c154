"""How good is a judge on the frozen test, and beside other judges?"""
